/**
 * The lab's errors.
 */
import { CodedError, type ErrorDetail, type ErrorEntry } from '@famichat/base'

const LAB_ERRORS = {
  'lab.contender.not_a_contender': { text: 'the module exports no contender' },
  'lab.report.malformed': { text: 'the file holds no rows of a run' },
  'lab.job.malformed': { text: 'the worker was given no job it knows' },
} as const satisfies Record<string, ErrorEntry>

export type LabErrorCode = keyof typeof LAB_ERRORS

/** Every refusal of the lab. */
export class LabError extends CodedError<LabErrorCode> {
  override readonly name = 'LabError'

  constructor(code: LabErrorCode, detail?: ErrorDetail, options?: ErrorOptions) {
    super(code, LAB_ERRORS[code].text, detail, options)
  }
}
