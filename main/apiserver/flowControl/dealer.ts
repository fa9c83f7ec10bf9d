import { createHash } from 'node:crypto';

/**
 * Which queues a flow may use: a hand of so many cards out of a deck, the same one each time. Two flows seldom have the
 * same hand, so that one that fills its queues leaves room to others. Mirrors k8s.io/apiserver/pkg/util/shufflesharding.
 */
export function dealHand(deckSize: number, handSize: number, flow: string): number[] {
  let hash = createHash('sha256').update(flow).digest().readBigUInt64LE();
  const remainders: number[] = [];
  const hand: number[] = [];
  for (let i = 0; i < handSize; i++) {
    const left = BigInt(deckSize - i);
    const remainder = Number(hash % left);
    hash /= left;
    // A remainder counts the cards that are still in the deck.
    let card = remainder;
    for (let j = i; j > 0; j--) if (card >= remainders[j - 1]!) card++;
    remainders.push(remainder);
    hand.push(card);
  }
  return hand;
}
