/** nftables text for a ProxyModel; pure. */
export { emptyPlan, planTable, type Plan } from './plan.ts';
export { withoutOverlap } from './ranges.ts';
export { renderChanges } from './render.ts';
export { words, type Words } from './words.ts';
