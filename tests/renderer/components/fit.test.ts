import { describe, expect, it } from 'vitest';
import { fit } from '../../../renderer/components/grid/fit.ts';
import { emptyLayout, type Column, type GridLayout } from '../../../renderer/components/grid/types.ts';
import { list as deployments } from '../../../renderer/kinds/deployment/list.ts';
import { list as events } from '../../../renderer/kinds/event/list.ts';
import { list as pods } from '../../../renderer/kinds/pod/list.ts';

/** What is left of a window of 480 pixels for the columns of a list. */
const smallRoom = 390;
const shown = <Row>(columns: readonly Column<Row>[], room: number, layout: GridLayout = emptyLayout) => {
  const { columns: fitting, below, left, least } = fit(columns, layout, room);
  return { is: fitting.map(({ id }) => id).join(' '), below: below?.id, left: left.join(' '), fits: least <= room };
};

describe('columns', () => {
  it('all have their width where there is room', () => {
    expect(shown(pods.columns, 1_000)).toEqual({ is: 'name namespace status ready restarts ip node age', below: undefined, left: '', fits: true });
  });

  it('become narrower before any is left out', () => {
    expect(shown(pods.columns, 760)).toEqual({ is: 'name namespace status ready restarts ip node age', below: undefined, left: '', fits: true });
  });

  it('that matter least are left out in a small window, and the namespace goes below the name', () => {
    expect(shown(pods.columns, smallRoom)).toEqual({ is: 'name status ready age', below: 'namespace', left: 'restarts ip node', fits: true });
    expect(shown(deployments.columns, smallRoom)).toMatchObject({ is: 'name status ready age', below: 'namespace', fits: true });
    expect(shown(events.columns, smallRoom)).toMatchObject({ is: 'lastSeen reason message', below: 'namespace', fits: true });
  });

  it('that the user asked for go before others, but not before the name and the state', () => {
    const layout = { ...emptyLayout, shown: { node: true, age: false } };
    expect(shown(pods.columns, smallRoom, layout)).toMatchObject({ is: 'name status ready node', left: 'restarts ip', fits: true });
  });

  it('that the user made wider do not push others out, and have the greater share', () => {
    const { is, fits } = shown(pods.columns, smallRoom, { ...emptyLayout, widths: { name: 900 } });
    expect([is, fits]).toEqual(['name status ready age', true]);
    expect(fit(pods.columns, { ...emptyLayout, widths: { name: 900 } }, smallRoom).tracks).toMatch(/^minmax\(104px, 900fr\) /);
  });

  it('are at least the first one', () => {
    expect(shown(pods.columns, 50)).toMatchObject({ is: 'name', fits: false });
  });
});
