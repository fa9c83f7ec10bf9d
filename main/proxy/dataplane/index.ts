/** nftables text for a ProxyModel; pure. */
export { planTable, type Plan } from './plan.ts';
export { renderChanges } from './render.ts';
