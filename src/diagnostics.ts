/**
 * Events for other programs, by `node:diagnostics_channel`: every step of an exchange and of a connection.
 *
 * Rules
 * - Nothing is made, not even a message, while there is no subscriber: each publisher asks `hasSubscribers` first.
 * - Messages are read-only views of what happens. A subscriber that throws is reported by Node and disturbs nothing.
 * - Names begin with `hyper:`. They and the fields of the messages are public API.
 */
import { type Channel, channel } from 'node:diagnostics_channel'

export const channels = {
  /** An exchange was dispatched. Fields may still be added to `request.headers`, a list: name, value, name, value. */
  create: channel('hyper:request:create'),
  /** It joined the line: no connection had room. */
  queue: channel('hyper:request:queue'),
  /** It was given to a connection. */
  start: channel('hyper:request:start'),
  /** The last octet of the request was written to the socket: the system has it. */
  sent: channel('hyper:request:sent'),
  /** The response's header section came. */
  headers: channel('hyper:request:headers'),
  /** It will be sent again. */
  retry: channel('hyper:request:retry'),
  end: channel('hyper:request:end'),
  error: channel('hyper:request:error'),
  connecting: channel('hyper:connection:connecting'),
  step: channel('hyper:connection:step'),
  connected: channel('hyper:connection:connected'),
  failed: channel('hyper:connection:failed'),
  closed: channel('hyper:connection:closed'),
  /** A frame was sent or received, on a connection that was made while there was a subscriber. */
  frame: channel('hyper:connection:frame'),
} as const satisfies Readonly<Record<string, Channel>>
