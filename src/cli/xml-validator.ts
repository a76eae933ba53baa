/** The one part of the package that is used: a file of its own lets the bundler leave out the rest. */
export { XMLValidator } from 'fast-xml-parser'
