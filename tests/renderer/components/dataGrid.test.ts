import { mount } from '@vue/test-utils';
import { beforeAll, describe, expect, it } from 'vitest';
import { nextTick } from 'vue';
import DataGrid from '../../../renderer/components/grid/DataGrid.vue';
import { sortRows } from '../../../renderer/components/grid/sort.ts';
import type { Column, GridLayout } from '../../../renderer/components/grid/types.ts';
import { makeI18n } from '../../../renderer/i18n/index.ts';
import { makeVuetify } from '../../../renderer/vuetify.ts';

interface Row {
  name: string;
  count: number;
}

const columns: Column<Row>[] = [
  { id: 'name', title: 'Name', literal: true, width: 100, text: (row) => row.name },
  { id: 'count', title: 'Count', literal: true, width: 100, text: (row) => String(row.count), sortBy: (row) => row.count },
  { id: 'extra', title: 'Extra', literal: true, width: 100, optional: true, text: () => 'extra' },
];
const rowsOf = (count: number): Row[] => Array.from({ length: count }, (_, index) => ({ name: `row-${index}`, count: count - index }));

beforeAll(() => {
  Object.defineProperty(HTMLElement.prototype, 'clientHeight', { configurable: true, value: 400 });
  Object.defineProperty(HTMLElement.prototype, 'clientWidth', { configurable: true, value: 800 });
});

async function makeGrid(rows: Row[], layout: GridLayout = { shown: {}, widths: {} }, selected = new Set<string>(), shown = columns) {
  const wrapper = mount(DataGrid as never, {
    attachTo: document.body,
    props: { label: 'Rows', rows, columns: shown, rowKey: (row: Row) => row.name, layout, selected } as never,
    global: { plugins: [makeI18n('en'), makeVuetify()], stubs: { RouterLink: true } },
  });
  await nextTick();
  await nextTick();
  const grid = wrapper.find('[role=grid]');
  const press = async (key: string) => grid.trigger('keydown', { key });
  const lastOf = <T>(name: string): T => (wrapper.emitted(name)?.at(-1) as [T])[0];
  return { wrapper, grid, press, lastOf, rows: () => wrapper.findAll('.body') };
}

describe('the grid', () => {
  it('draws what can be seen of ten thousand rows, and says how many there are', async () => {
    const { grid, rows } = await makeGrid(rowsOf(10_000));
    expect(grid.attributes('aria-rowcount')).toBe('10001');
    expect(rows().length).toBeGreaterThan(5);
    expect(rows().length).toBeLessThan(60);
  });

  it('is walked with the keyboard: down, open, select, delete', async () => {
    const { press, lastOf, grid } = await makeGrid(rowsOf(5));
    await press('ArrowDown');
    await press('ArrowDown');
    expect(grid.attributes('aria-activedescendant')).toMatch(/-1$/);
    await press('Enter');
    expect(lastOf<Row>('open').name).toBe('row-1');
    await press(' ');
    expect([...lastOf<Set<string>>('update:selected')]).toEqual(['row-1']);
    await press('Delete');
    expect(lastOf<Row[]>('remove').map(({ name }) => name)).toEqual(['row-1']);
    await press('End');
    expect(grid.attributes('aria-activedescendant')).toMatch(/-4$/);
  });

  it('deletes all that is selected, not only where the cursor is', async () => {
    const { press, lastOf } = await makeGrid(rowsOf(5), undefined, new Set(['row-0', 'row-3']));
    await press('ArrowDown');
    await press('Delete');
    expect(lastOf<Row[]>('remove').map(({ name }) => name)).toEqual(['row-0', 'row-3']);
  });

  it('asks to be sorted by the column whose title is pressed, and the other way when pressed again', async () => {
    const { wrapper, lastOf } = await makeGrid(rowsOf(3), { shown: {}, widths: {}, sort: { column: 'count', descending: false } });
    expect(wrapper.find('[aria-sort=ascending]').text()).toBe('Count');
    await wrapper.findAll('.title')[1]!.trigger('click');
    expect(lastOf<GridLayout>('update:layout').sort).toEqual({ column: 'count', descending: true });
  });

  it('shows optional columns when asked, in the widths that were set', async () => {
    const { wrapper } = await makeGrid(rowsOf(1), { shown: { extra: true, name: false }, widths: { count: 222 } });
    expect(wrapper.findAll('[role=columnheader]').map((header) => header.text())).toEqual(['', 'Count', 'Extra']);
    expect(wrapper.find('.head').attributes('style')).toContain('222px');
  });

  it('tells which columns have no room, and shows the one that says which is meant below the name', async () => {
    const wide = columns.map((column) => ({ ...column, width: 500, optional: false, ...(column.id === 'extra' ? { below: true } : {}) }));
    const { wrapper, lastOf } = await makeGrid(rowsOf(1), undefined, undefined, [...wide, ...Array.from({ length: 9 }, (_, i) => ({ ...wide[1]!, id: `more-${i}` }))]);
    expect(lastOf<string[]>('crowded')).toContain('more-8');
    expect(wrapper.findAll('[role=columnheader]').length).toBeLessThan(9);
    expect(wrapper.find('.body .double').text()).toBe('row-0extra');
  });
});

describe('sorting', () => {
  it('goes by number where the column has one, and keeps the order of equals', () => {
    const rows = [{ name: 'a', count: 10 }, { name: 'b', count: 9 }, { name: 'c', count: 10 }];
    const names = (descending: boolean) => sortRows(rows, columns, { column: 'count', descending }).map(({ name }) => name);
    expect(names(false)).toEqual(['b', 'a', 'c']);
    expect(names(true)).toEqual(['a', 'c', 'b']);
  });
});
