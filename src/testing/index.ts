/**
 * `hyper-transport/testing`: an origin in this process, over HTTP/2 and HTTP/1.1, whose answers and misbehaviour are scripted in
 * a line each, for tests of how a program takes what real servers do.
 *
 * Rules
 * - Real sockets and real TLS, on the loopback interface alone; a port that is free.
 * - What a script does not say is done properly. A script that cannot be carried out is refused when it is given, or, where it
 *   is made by a function, ends the process's test by `uncaughtException`: it is a fault of the test.
 * - Each request is written down when its head has come, and can be asked for when it is whole.
 * - `close()` ends everything: sockets, timers and waiting calls.
 *
 * How it works: `origin` is the front, `running` listens, `script` says what is answered, `record` writes down; `http2` and `http1` carry out
 * answers on the engines of `hyper-transport/h2` and `hyper-transport/h1` in their roles as servers.
 */
export type { OriginCertificate } from './certificate.ts'
export { TestOrigin, type TestOriginOptions } from './origin.ts'
export type { TestRequest } from './record.ts'
export type { Answer, Script } from './script.ts'
