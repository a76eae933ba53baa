/**
 * `npm run bench`: our transport against what each library does by itself (compare.ts says how, and its options).
 * `npm run bench -- codec`: the parts of the protocol toolbox alone, in memory.
 * `npm run bench -- pool [SCENARIO]`: what connections, streams and waiting requests cost (lifecycle/main.ts).
 * `npm run bench -- shims [LIBRARY]`: what each shim costs beside its library and our raw dispatch (shims.ts).
 * `npm run bench -- http1`: HTTP/1.1, ours against each library's own (http1.ts).
 * `npm run bench -- matrix`: every library, protocol and kind of work; ends with 1 while one is lost (matrix.ts).
 * `npm run bench -- limits`: how near Pool.dispatch comes to bare sockets and to h2load (limits.ts).
 * `npm run bench -- start`: a script that makes one request, from its start to the first octet (start.ts).
 * `npm run bench -- scale`: from one to ten thousand requests in flight, from one to a thousand origins, threads (scale.ts).
 * `npm run bench -- pictures`: charts of the last figures, for README and docs (pictures.ts).
 * `npm run bench -- delay`: one download over a link with a long round trip (lifecycle/delay.ts).
 */
if (process.argv[2] === 'codec') {
  const { run: hpack } = await import('./codec-hpack.ts')
  const { run: h2 } = await import('./codec-h2.ts')
  const { run: h1 } = await import('./codec-h1.ts')
  const { run: websocket } = await import('./codec-websocket.ts')
  await hpack()
  console.log('\nHTTP/2, in memory')
  h2()
  console.log('\nHTTP/1.1, in memory')
  h1()
  console.log()
  await websocket()
} else if (process.argv[2] === 'pool') {
  const { run } = await import('./lifecycle/main.ts')
  await run(process.argv[3])
} else if (process.argv[2] === 'shims') {
  const { run } = await import('./shims.ts')
  await run(process.argv[3])
} else if (process.argv[2] === 'http1') {
  const { run } = await import('./http1.ts')
  await run(process.argv.slice(3))
} else if (process.argv[2] === 'matrix') {
  const { run } = await import('./matrix.ts')
  await run(process.argv.slice(3))
} else if (process.argv[2] === 'limits') {
  const { run } = await import('./limits.ts')
  await run(process.argv.slice(3))
} else if (process.argv[2] === 'start') {
  const { run } = await import('./start.ts')
  await run(process.argv.slice(3))
} else if (process.argv[2] === 'scale') {
  const { run } = await import('./scale.ts')
  await run(process.argv.slice(3))
} else if (process.argv[2] === 'pictures') {
  const { run } = await import('./pictures.ts')
  await run()
} else if (process.argv[2] === 'delay') {
  const { run } = await import('./lifecycle/delay.ts')
  await run()
} else {
  await import('./compare.ts')
}
