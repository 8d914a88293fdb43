/**
 * The worker's door: questions in, answers and news out. It opens one session, on the first question.
 */
import type { Question, Reply } from '../requests.js'
import { refusalOf, Session } from './session.js'

const post = (reply: Reply): void => { postMessage(reply) }
let opening: Promise<Session> | undefined

const answer = async ({ id, ask, given }: Question): Promise<void> => {
  try {
    opening ??= Session.open(post)
    const { answers } = await opening
    // each question's arguments are those of its name, which the type of Question cannot say for a union
    const answered = await (answers[ask] as (...given: readonly unknown[]) => Promise<unknown>)(...given)
    post({ id, answer: answered })
  } catch (error) {
    post({ id, refusal: refusalOf(error) })
    void opening?.then((session) => { session.notice(error) }, () => undefined)
  }
}

addEventListener('message', ({ data }: MessageEvent<Question>) => { void answer(data) })
