import type { PodTemplate } from '../../../api/index.ts';
import { validatePodTemplateSpec } from '../../validation/pod.ts';
import { podTemplateWarnings } from '../../validation/podWarnings.ts';
import { check, columns, define } from '../define.ts';
import { containerImages, containerNames, formatLabels, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';
import { defaultPodTemplate } from './podDefaults.ts';

/* Mirrors pkg/registry/core/podtemplate/strategy.go. */

export const podTemplate: Strategy<PodTemplate> = {
  definition: define('', 'v1', 'PodTemplate', 'podtemplates'),
  hasGeneration: true,
  nameRule: 'dnsSubdomain',
  allowUnconditionalUpdate: true,
  returnsDeletedObject: true,
  defaults: (object) => defaultPodTemplate((object.template ??= {})),
  validate: (_context, object) => check((errors) => validatePodTemplateSpec(errors, 'template', object.template ?? {})),
  validateUpdate: (_context, object, old) => check((errors) => validatePodTemplateSpec(errors, 'template', object.template ?? {}, old.template)),
  warnings: (object, old) => podTemplateWarnings('template', object.template, old?.template),
  columns: columns('Name', 'Containers', 'Images', 'Pod Labels'),
  row: ({ template, ...object }) => [
    nameOf(object),
    containerNames(template?.spec?.containers),
    containerImages(template?.spec?.containers),
    formatLabels(template?.metadata?.labels),
  ],
};
