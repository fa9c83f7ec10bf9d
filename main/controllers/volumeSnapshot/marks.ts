/* The finalizers and annotations by which snapshots, their contents and their claims hold each other (external-snapshotter: pkg/utils/util.go). */

const prefix = 'snapshot.storage.kubernetes.io';

/** A snapshot from which a claim may be in the making. */
export const asSourceFinalizer = `${prefix}/volumesnapshot-as-source-protection`;
/** A snapshot whose content goes with it. */
export const boundFinalizer = `${prefix}/volumesnapshot-bound-protection`;
export const contentFinalizer = `${prefix}/volumesnapshotcontent-bound-protection`;
/** A claim of which a snapshot is being taken. */
export const claimFinalizer = `${prefix}/pvc-as-source-protection`;

/** On a content: its snapshot goes, so that the data may be removed. */
export const beingDeletedAnnotation = `${prefix}/volumesnapshot-being-deleted`;

export const snapshotApiVersion = 'snapshot.storage.k8s.io/v1';
