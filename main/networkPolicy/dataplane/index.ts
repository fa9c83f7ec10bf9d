/** nftables text for a PolicyModel; pure. */
export { planPolicies } from './plan.ts';
