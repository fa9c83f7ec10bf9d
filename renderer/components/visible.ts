/** Characters that are not seen, and those that turn the order of what stands around them: what others wrote may use them to look like something else. */
const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** A text of the cluster's as it is, with such characters written out, as `\\u202e`. Joiners stay: scripts and emoji need them. */
export const visible = (text: string): string => text.replace(hidden, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
