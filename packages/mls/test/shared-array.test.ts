/**
 * SharedArray: copies that share what neither has changed.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { insecureSeededRandom } from '@famichat/base/testing'
import { SharedArray } from '../dist/tree/shared-array.js'

const valuesOf = (array: SharedArray<number>): readonly (number | undefined)[] => Array.from({ length: array.length }, (_, index) => array.get(index))

test('copies of an array go their own ways, whatever is set, cut off and added', () => {
  const random = insecureSeededRandom(7)
  const below = (count: number): number => new DataView(random(4).buffer).getUint32(0) % count
  const arrays = [{ array: SharedArray.ofLength<number>(300), model: new Array<number | undefined>(300).fill(undefined) }]
  for (let step = 0; step < 2000; step++) {
    const { array, model } = arrays[below(arrays.length)] ?? { array: SharedArray.ofLength<number>(1), model: [undefined] }
    if (below(20) === 0) arrays.push({ array: array.copy(), model: model.slice() })
    else if (below(20) === 0) {
      const length = 1 + below(600)
      array.resize(length)
      while (model.length < length) model.push(undefined)
      model.length = length
    } else {
      const index = below(model.length)
      const value = below(4) === 0 ? undefined : step
      array.set(index, value)
      model[index] = value
    }
  }
  for (const { array, model } of arrays) {
    deepEqual(valuesOf(array), model)
    equal(array.lastUsed(), model.findLastIndex((value) => value !== undefined))
  }
})
