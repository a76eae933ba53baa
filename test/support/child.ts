/** Runs a piece of TypeScript in a process of its own, for what concerns the process as a whole. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The package's root folder as a URL: import from it in the script. */
export const packageRoot = new URL('../../', import.meta.url)

/**
 * Runs an ES module and gives what it printed, parsed as JSON.
 *
 * @param script its source; `import(root + 'adapters/undici.ts')`, where `root` is defined, imports from the package
 */
export function runModule(script: string, env: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const source = `const root = ${JSON.stringify(packageRoot.href)}\n${script}`
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ['--no-warnings', '--input-type=module-typescript', '--eval', source],
      { cwd: fileURLToPath(packageRoot), env: { ...process.env, ...env }, timeout: 30_000 },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`the child process failed: ${stderr || error.message}`, { cause: error }))
        else resolve(JSON.parse(stdout))
      },
    )
  })
}
