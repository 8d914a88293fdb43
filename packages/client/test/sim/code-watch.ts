/**
 * S44: the client makes no code out of text and compiles no WebAssembly, so the strictest policy of a page lets it run.
 */

/** Code that must not: where its files are. */
const CLIENT = /packages\/(base|client|mls|protocol)\/dist\//

/** Watches until the returned function is called; the server's framework may do what it likes. */
export const watchForCode = (onCode: (what: string) => void): (() => void) => {
  const { Function: makeFunction, WebAssembly: assembly } = globalThis
  const evaluate = globalThis.eval
  const look = (what: string): void => {
    if (CLIENT.test(new Error(what).stack ?? '')) onCode(`the client uses ${what}`)
  }
  const watched = <T extends object>(target: T, what: string): T => new Proxy(target, {
    apply: (called, self, args) => {
      look(what)
      return Reflect.apply(called as () => unknown, self, args) as unknown
    },
    construct: (called, args) => {
      look(what)
      return Reflect.construct(called as new () => object, args) as object
    },
  })
  Object.assign(globalThis, {
    eval: watched(evaluate, 'eval'),
    Function: watched(makeFunction, 'new Function'),
    WebAssembly: new Proxy(assembly, {
      get: (all, name) => {
        look('WebAssembly')
        return Reflect.get(all, name) as unknown
      },
    }),
  })
  return () => { Object.assign(globalThis, { eval: evaluate, Function: makeFunction, WebAssembly: assembly }) }
}
