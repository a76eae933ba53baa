/** A Node that is too old is told so in one sentence, instead of by whatever it does not have. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './paths.ts'

const { engines }: { engines: { node: string } } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const [, major, minor] = /^>=(\d+)\.(\d+)\.0$/.exec(engines.node) ?? []
if (major === undefined || minor === undefined)
  throw new Error(`engines.node is not of the form >=22.19.0: ${engines.node}`)

/** An expression, in words that every Node understands. */
export const TOO_OLD = `/^(\\d+)\\.(\\d+)/.exec(process.versions.node).slice(1).map(Number).reduce(function (major, minor) { return major < ${major} || (major === ${major} && minor < ${minor}) })`

/** The end of the sentence; an expression too. */
export const NEEDED = `' needs Node.js ${major}.${minor} or later; this is ' + process.version + '.'`
