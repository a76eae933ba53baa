/** The beginning of a long option stands for it, as argparse has it for HTTPie. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseArguments } from '../../src/cli/arguments.ts'
import { OPTION_NAMES, OPTIONS } from '../../src/cli/options.ts'
import { inFull } from '../../src/cli/parser.ts'
import { hyper } from './command.ts'

const options = (argv: readonly string[], defaults: readonly string[] = []): unknown => {
  const line = parseArguments([...argv, 'x.org'], '1.0.0', defaults)
  assert.ok('options' in line)
  return line.options
}

describe('the beginning of an option', () => {
  test('is that option where it can be no other', () => {
    assert.deepEqual(options(['--foll', '--verb', '--verb']), { follow: true, verbose: 2 })
    assert.deepEqual(options(['--max-red=3', '--time', '2']), { 'max-redirects': 3, timeout: 2000 })
    assert.deepEqual(options(['--write', 'x']), { format: 'x' })
  })

  test('is the option that has just this name, whatever else begins with it', () => {
    assert.deepEqual(options(['--form']), { form: true })
    assert.deepEqual(options(['--session', 'x']), { session: 'x' })
    for (const name of OPTION_NAMES) assert.equal(inFull([`--${name}`])[0], `--${name}`)
  })

  test('takes back, behind --no-', () => {
    assert.deepEqual(options(['--follow', '--no-foll']), {})
    assert.deepEqual(options(['--no-foll'], ['--follow']), {})
  })

  test('counts in the configuration as well', () => {
    assert.deepEqual(options([], ['--foll']), { follow: true })
    assert.throws(() => options([], ['--se=x']), /ambiguous option '--se': --session, --session-read-only, --settings/)
  })

  test('is refused with what it could be where it can be several', async () => {
    for (const [argv, message] of [
      [['--ver', 'x.org'], "ambiguous option '--ver': --verbose, --verify, --version"],
      [['--o', 'x.org'], "ambiguous option '--o': --offline, --output"],
      [['--no-ver', 'x.org'], "ambiguous option '--no-ver': --no-verbose, --no-verify, --no-version"],
    ] as const) {
      const { code, stderr } = await hyper(argv)
      assert.deepEqual([code, stderr], [2, `hyper: error: ${message}\nTry 'hyper --help'.\n`])
    }
  })

  test('is a value where one is due, and a word behind --', () => {
    assert.deepEqual(options(['--raw', '--foll']), { raw: '--foll' })
    assert.deepEqual(options(['-w', '--foll', '-Fo', '--verb']), { format: '--foll', follow: true, output: '--verb' })
    assert.deepEqual(options(['-o--verb']), { output: '--verb' })
    assert.deepEqual(inFull(['--', '--foll']), ['--', '--foll'])
  })

  test("an option of curl's is answered with what it is here, by its long name, too", async () => {
    for (const [option, message] of [
      ['--insecure', /unknown option '--insecure': nothing is verified with --verify=no/],
      ['-LO', /unknown option '-L': redirects are followed by -F/],
      ['-vk', /unknown option '-k': nothing is verified/],
      ['-XPOST', /unknown option '-X': the method stands before the URL/],
    ] as const) {
      const { code, stderr } = await hyper([option, 'x.org'])
      assert.match(stderr, message)
      assert.equal(code, 2)
    }
  })
})

test('each option may be shortened to where it differs from all others', () => {
  const names = OPTION_NAMES.flatMap((name) => [name, ...(OPTIONS[name].alias ?? '').split(' ')]).filter(
    (name) => name.length > 1,
  )
  for (const name of OPTION_NAMES) {
    const least = [...name].findIndex(
      (_, i) => names.filter((one) => one.startsWith(name.slice(0, i + 1))).length === 1,
    )
    if (least === -1) continue
    for (let length = Math.max(least + 1, 2); length < name.length; length++) {
      const word = `--${name.slice(0, length)}`
      // What curl calls so is another thing.
      if (word === '--header') continue
      assert.equal(inFull([word])[0], `--${name}`, word)
    }
  }
})
