/** nftables text for a ProxyModel; pure. */
export { emptyPlan, planTable, type Plan } from './plan.ts';
export { renderChanges } from './render.ts';
