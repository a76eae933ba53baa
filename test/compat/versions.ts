/** The versions of the libraries that `npm run compat` tries, as docs/compatibility.md lists them. */

/**
 * Sorted by name and version: package.json lists `undici` before `undici6`, and its order may change without a change of versions.
 * @param dependencies of package.json: names as they are installed (`undici6`), and versions (`8.12.4`, `npm:undici@6.29.1`).
 */
export function triedVersions(dependencies: Readonly<Record<string, string>>): string[] {
  const byNumber = new Intl.Collator('en', { numeric: true })
  return Object.entries(dependencies)
    .filter(([name]) => /^(?:axios|got|undici)\d*$/.test(name))
    .map(([name, version]) => `${name.replace(/\d+$/, '')} ${version.replace(/^npm:.*@|^\^/, '')}`)
    .sort(byNumber.compare)
}
