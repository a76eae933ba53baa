/**
 * The two halves of an HTTP/1.1 connection as tables: what happens, in which state, leads where. One table is for the half
 * that sends, one for the half that receives; a client's sending half carries requests, a server's responses.
 *
 *   sending      head      end    next   over     switch
 *   idle         sending   -      -      closed   -
 *   sending      -         done   -      -        upgraded   101 may come before all of the request was sent
 *   done         -         -      idle   closed   upgraded
 *   closed       -         -      -      -        -
 *   upgraded     -         -      -      -        -
 *
 *   receiving    await     head   end    next   over     switch     fail
 *   idle         waiting   -      -      -      closed   -          failed
 *   waiting      -         body   -      -      closed   upgraded   failed
 *   body         -         -      done   -      -        -          failed
 *   done         -         -      -      idle   closed   upgraded   failed
 *   closed       -         -      -      -      -        -          -
 *   upgraded     -         -      -      -      -        -          -
 *   failed       -         -      -      -      -        -          -
 *
 * `next`: both messages are whole, and the connection lives on. `over`: it does not. `-` leaves the state as it is: what
 * an owner may not do is refused before it comes here.
 */

/** Of the half that sends. */
export type SendState = 'idle' | 'sending' | 'done' | 'closed' | 'upgraded'
/** Of the half that receives. `body` begins behind the head, and is there when the body is empty, too. */
export type ReceiveState = 'idle' | 'waiting' | 'body' | 'done' | 'closed' | 'upgraded' | 'failed'

export type SendEvent = 'head' | 'end' | 'next' | 'over' | 'switch'
export type ReceiveEvent = 'await' | 'head' | 'end' | 'next' | 'over' | 'switch' | 'fail'

type Transitions<State extends string, Event extends string> = Readonly<
  Record<State, Readonly<Partial<Record<Event, State>>>>
>

const SENDING: Transitions<SendState, SendEvent> = {
  idle: { head: 'sending', over: 'closed' },
  sending: { end: 'done', switch: 'upgraded' },
  done: { next: 'idle', over: 'closed', switch: 'upgraded' },
  closed: {},
  upgraded: {},
}

const RECEIVING: Transitions<ReceiveState, ReceiveEvent> = {
  idle: { await: 'waiting', over: 'closed', fail: 'failed' },
  waiting: { head: 'body', over: 'closed', switch: 'upgraded', fail: 'failed' },
  body: { end: 'done', fail: 'failed' },
  done: { next: 'idle', over: 'closed', switch: 'upgraded', fail: 'failed' },
  closed: {},
  upgraded: {},
  failed: {},
}

export function afterSend(state: SendState, event: SendEvent): SendState {
  return SENDING[state][event] ?? state
}

export function afterReceive(state: ReceiveState, event: ReceiveEvent): ReceiveState {
  return RECEIVING[state][event] ?? state
}
