/**
 * SharedArray: an array whose copies share all that neither has changed, so that copying a large one costs next to nothing.
 * Layer: tree.
 */

/** A power of two: elements of one piece, which is what the first change in it copies. */
const PIECE = 128

type Piece<T> = (T | undefined)[]

/** A fixed number of places, each holding a value or nothing. */
export class SharedArray<T> {
  readonly #pieces: (Piece<T> | undefined)[]
  /** Pieces that no copy has. */
  #own = new Set<number>()
  #length: number

  private constructor(pieces: (Piece<T> | undefined)[], length: number) {
    this.#pieces = pieces
    this.#length = length
  }

  /** An array of empty places. */
  static ofLength<T>(length: number): SharedArray<T> {
    return new SharedArray<T>([], length)
  }

  get length(): number {
    return this.#length
  }

  get(index: number): T | undefined {
    return this.#pieces[Math.floor(index / PIECE)]?.[index % PIECE]
  }

  set(index: number, value: T | undefined): void {
    this.#ownPiece(Math.floor(index / PIECE))[index % PIECE] = value
  }

  /** The last place that holds a value, -1 when there is none. */
  lastUsed(): number {
    for (let index = this.#length - 1; index >= 0; index--) if (this.get(index) !== undefined) return index
    return -1
  }

  /** A copy: from now on each side copies the pieces it changes. */
  copy(): SharedArray<T> {
    this.#own = new Set()
    return new SharedArray(this.#pieces.slice(), this.#length)
  }

  /** Cuts off places at the end, or adds empty ones. */
  resize(length: number): void {
    const pieces = Math.ceil(length / PIECE)
    if (this.#pieces.length > pieces) this.#pieces.length = pieces
    const cut = length % PIECE
    if (length < this.#length && cut > 0 && this.#pieces[pieces - 1] !== undefined) this.#ownPiece(pieces - 1).length = cut
    this.#length = length
  }

  #ownPiece(at: number): Piece<T> {
    const known = this.#pieces[at]
    if (known !== undefined && this.#own.has(at)) return known
    const piece = known?.slice() ?? []
    this.#pieces[at] = piece
    this.#own.add(at)
    return piece
  }
}
