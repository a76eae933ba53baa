/**
 * `npm run bench`: our transport against what each library does by itself (compare.ts says how, and its options).
 * `npm run bench -- codec`: the parts of the protocol toolbox alone, in memory.
 */
if (process.argv[2] === 'codec') {
  const { run: hpack } = await import('./codec-hpack.ts')
  const { run: h2 } = await import('./codec-h2.ts')
  const { run: websocket } = await import('./codec-websocket.ts')
  await hpack()
  console.log('\nHTTP/2, in memory')
  h2()
  console.log()
  await websocket()
} else {
  await import('./compare.ts')
}
