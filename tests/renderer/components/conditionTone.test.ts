import { describe, expect, it } from 'vitest';
import { conditionTone } from '../../../renderer/components/conditionTone.ts';

const tones = (type: string) => ['True', 'False', 'Unknown'].map((status) => conditionTone({ type, status }));

describe('a condition', () => {
  it.each(['Ready', 'Available', 'Complete', 'SuccessCriteriaMet', 'DisruptionAllowed', 'ScalingActive', 'Established'])('is good news when it is true: %s', (type) => {
    expect(tones(type)).toEqual(['ok', 'warn', 'warn']);
  });

  it.each(['MemoryPressure', 'NetworkUnavailable', 'ReplicaFailure', 'Failed', 'FailureTarget', 'DisruptionTarget', 'NamespaceDeletionContentFailure', 'ModifyVolumeError'])('is bad news when it is true: %s', (type) => {
    expect(tones(type)).toEqual(['bad', 'ok', 'warn']);
  });

  it.each(['NamespaceContentRemaining', 'NamespaceFinalizersRemaining'])('holds up the end of a namespace while it is true: %s', (type) => {
    expect(tones(type)).toEqual(['warn', 'ok', 'warn']);
  });

  it.each(['Suspended', 'ScalingLimited', 'FileSystemResizePending', 'PodResizeInProgress'])('is neither: %s', (type) => {
    expect(tones(type)).toEqual(['info', 'idle', 'warn']);
  });

  it('that is false because all is done is nothing to look at; one that no waiting helps is worse than one that may come', () => {
    expect(conditionTone({ type: 'Ready', status: 'False', reason: 'PodCompleted' })).toBe('idle');
    expect(conditionTone({ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' })).toBe('bad');
    expect(conditionTone({ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' })).toBe('bad');
    expect(conditionTone({ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' })).toBe('warn');
  });
});
