/** A picture that cannot be used; the message says why. */
export class BadPicture extends Error {}
