/** Real programs of other projects for tests: one file each in `programs/`, whose `program.ts` says the rules. */
export { startApache } from './programs/apache.ts'
export { startCaddy } from './programs/caddy.ts'
export { startH2o } from './programs/h2o.ts'
export { startHaproxy } from './programs/haproxy.ts'
export { startHypercorn } from './programs/hypercorn.ts'
export { startNghttpd } from './programs/nghttpd.ts'
export { startNginx } from './programs/nginx.ts'
export {
  documentFolder,
  freePort,
  type Program,
  type ServerOptions,
  SMALL,
  startProgram,
  versionOf,
} from './programs/program.ts'
export { startDante, startSquid, startTinyproxy } from './programs/proxies.ts'
