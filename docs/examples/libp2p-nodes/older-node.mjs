// What js-libp2p expects of Node 22, for Node 18.18 to 21: node --import ./older-node.mjs …
import { webcrypto } from 'node:crypto'

globalThis.crypto ??= webcrypto
globalThis.CustomEvent ??= class extends Event {
  constructor (type, { detail = null, ...options } = {}) {
    super(type, options)
    this.detail = detail
  }
}
Promise.withResolvers ??= function () {
  const it = {}
  it.promise = new this((resolve, reject) => Object.assign(it, { resolve, reject }))
  return it
}
