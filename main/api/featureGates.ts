/**
 * Kubernetes' feature gates that Skiff can switch, all of them off by default as in pkg/features/kube_features.go. Every other gate stands
 * as Kubernetes 1.36 has it by default.
 */
export const knownFeatureGates = ['MaxUnavailableStatefulSet'] as const;

type FeatureGate = (typeof knownFeatureGates)[number];

/** How far along what they switch is in 1.36. */
export const featureStages: Readonly<Record<FeatureGate, 'ALPHA' | 'BETA'>> = { MaxUnavailableStatefulSet: 'BETA' };

/** The gates that somebody has switched. */
export type FeatureGates = Partial<Record<FeatureGate, boolean>>;
