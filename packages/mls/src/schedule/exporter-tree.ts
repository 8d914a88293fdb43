/**
 * The exporter tree (draft-ietf-mls-extensions-08 §4.4): one forward-secure exported secret per application component.
 * Layer: schedule. A secret tree of 2^16 leaves under application_export_secret; owns every secret in it.
 */
import { present, type Secret, utf8 } from '@famichat/base'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { expandWithLabel } from '../crypto/labels.js'
import { check } from '../errors.js'

/** One leaf for each ComponentID, which is a uint16. */
const LEAF_COUNT = 2 ** 16
/** Nodes are numbered from the root down: the children of `n` are `2n` and `2n + 1`. */
const ROOT = 1
const LEFT = utf8('left')
const RIGHT = utf8('right')

/** What is left of an epoch's exporter tree: secrets from which nothing that was taken can be derived again. */
export class ExporterTree {
  readonly #suite: CipherSuite
  readonly #nodes: Map<number, Secret>

  private constructor(suite: CipherSuite, nodes: Map<number, Secret>) {
    this.#suite = suite
    this.#nodes = nodes
  }

  /** Starts an epoch's tree; takes ownership of application_export_secret. */
  static fromRoot(suite: CipherSuite, applicationExportSecret: Secret): ExporterTree {
    return new ExporterTree(suite, new Map([[ROOT, applicationExportSecret]]))
  }

  /** Rebuilds a tree from what {@link nodes} told; takes ownership of the secrets. */
  static fromNodes(suite: CipherSuite, nodes: Iterable<readonly [node: number, secret: Secret]>): ExporterTree {
    return new ExporterTree(suite, new Map(nodes))
  }

  /** The secrets still there, by node: at most sixteen more for each export. */
  get nodes(): Iterable<readonly [node: number, secret: Secret]> {
    return this.#nodes
  }

  /**
   * SafeExportSecret(component_id): KDF.Nh bytes, which the caller owns; the tree deletes what they came from (RFC 9420 §9.2).
   * @throws MlsError `mls.exporter.bad_component` | `mls.exporter.consumed`
   */
  take(componentId: number): Secret {
    check(Number.isInteger(componentId) && componentId >= 0 && componentId < LEAF_COUNT, 'mls.exporter.bad_component', { componentId })
    const pathUp = ancestorsOf(LEAF_COUNT + componentId)
    const start = pathUp.findIndex((node) => this.#nodes.has(node))
    check(start >= 0, 'mls.exporter.consumed', { componentId })
    let secret = this.#remove(pathUp[start])
    for (const next of pathUp.slice(0, start).reverse()) {
      const [lower, upper] = [this.#child(secret, LEFT), this.#child(secret, RIGHT)]
      secret.wipe()
      const goesLeft = next % 2 === 0
      this.#nodes.set(goesLeft ? next + 1 : next - 1, goesLeft ? upper : lower)
      secret = goesLeft ? lower : upper
    }
    return secret
  }

  /** Deletes every secret. */
  wipe(): void {
    for (const secret of this.#nodes.values()) secret.wipe()
    this.#nodes.clear()
  }

  #remove(node: number | undefined): Secret {
    const found = present(node, 'the node was found')
    const secret = present(this.#nodes.get(found), 'the node has a secret')
    this.#nodes.delete(found)
    return secret
  }

  #child(secret: Secret, side: Uint8Array): Secret {
    return expandWithLabel(this.#suite, secret, 'tree', side, this.#suite.hashLength)
  }
}

/** A node and everything above it, up to the root. */
const ancestorsOf = (node: number): readonly number[] => {
  const found: number[] = []
  for (let next = node; next >= ROOT; next >>>= 1) found.push(next)
  return found
}
