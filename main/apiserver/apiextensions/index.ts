/**
 * CustomResourceDefinitions and what they define: apiextensions-apiserver's place. `customResourceDefinition` is the kind,
 * `CustomResources` serves the resources of all definitions and keeps their conditions.
 */
export { customResourceDefinition } from './definition/strategy.ts';
export { CustomResources, type CustomResourcesOptions } from './controller.ts';
export { describeRules } from './schema/ruleTimes.ts';
