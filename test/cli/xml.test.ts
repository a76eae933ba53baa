/** XML written anew: what it looks like, and that it still says the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isXmlText, renderXml } from '../../src/cli/xml.ts'
import { fc } from '../support/property.ts'

const plain = (token: string): string => token
const render = (text: string, indent: number | false = 2): string => [...renderXml(text, indent, plain)].join('')

test('tags get lines of their own; what has text in it stays as it is', () => {
  assert.equal(
    render('<?xml version="1.0"?>\n<!DOCTYPE a [<!ELEMENT a ANY>]><a><b c="1>2"> x </b>\n<d><e/><f></f></d></a>\n'),
    `<?xml version="1.0"?>
<!DOCTYPE a [<!ELEMENT a ANY>]>
<a>
  <b c="1>2"> x </b>
  <d>
    <e/>
    <f></f>
  </d>
</a>`,
  )
  const mixed = '<p>some <b>bold <i>text</i></b>, and\n  more</p>'
  assert.equal(render(mixed), mixed)
})

test('any document still says the same, and is the same without indentation', async () => {
  const name = fc.constantFrom('a', 'b', 'ns:c')
  const text = fc.constantFrom('x', ' ', '\n', '&amp;', '<![CDATA[<x>]]>', '<!-- > -->', '<?pi >?>')
  const { element } = fc.letrec<{ element: string; content: string }>((tie) => ({
    content: fc.oneof({ depthSize: 'small' }, text, tie('element')),
    element: fc
      .tuple(name, fc.constantFrom('', ' a="1>"', " b='\"'"), fc.array(tie('content'), { maxLength: 4 }))
      .map(([tag, attribute, content]) => `<${tag}${attribute}>${content.join('')}</${tag}>`),
  }))
  fc.assert(
    fc.property(element, (document) => {
      assert.equal(render(document, false), document)
      const shown = render(document)
      assert.equal(render(shown), shown)
      // White space between tags alone was changed.
      const tokens = (xml: string): string[] => xml.match(/<!--.*?-->|<!\[CDATA\[.*?\]\]>|<[^>]*>|[^<\s]+/gs) ?? []
      assert.deepEqual(tokens(shown), tokens(document))
    }),
  )
  assert.equal(await isXmlText('<a><b></b></a>'), true)
  assert.equal(await isXmlText('<a><b></a>'), false)
  assert.equal(await isXmlText('text'), false)
})

test('long attributes, many tags and deep ones are taken', async () => {
  for (const text of [
    `<a b="${'x'.repeat(2_000_000)}"/>`,
    `<a>${'<b/>'.repeat(200_000)}</a>`,
    `${'<a>'.repeat(10_000)}${'</a>'.repeat(10_000)}`,
  ]) {
    assert.equal(await isXmlText(text), true)
    assert.equal(render(text).replace(/\n */g, ''), text)
  }
})
