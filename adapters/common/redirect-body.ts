/**
 * The body of a redirect that is followed: nobody reads it, and it is let run to its end if that is near. Ending its exchange costs
 * more: a reset that servers count, over HTTP/1.1 the connection, and a failure in the eyes of whoever observes requests.
 */

/** Octets; a longer body is ended. */
export const MAX_REDIRECT_BODY = 64 * 1024

/** Milliseconds; one that takes longer is ended. */
export const MAX_REDIRECT_BODY_TIME = 50
