import { afterEach, describe, expect, it } from 'vitest';
import { mountScreen, settleScreen, type Screen } from '../support/mountScreen.ts';
import { makePod } from '../support/objects.ts';

describe('the columns of a list in a small window', () => {
  let screen: Screen;
  afterEach(() => {
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });
  const headers = () => [...document.querySelectorAll('[role=columnheader]')].slice(1).map((header) => header.textContent?.trim());
  const boxes = () => [...document.querySelectorAll('.v-overlay .v-list-item')].filter((item) => item.querySelector('input'));
  const ticked = () => boxes().filter((item) => item.querySelector('input')!.checked).map((item) => item.textContent?.trim());
  const box = (title: string) => boxes().find((item) => item.textContent?.includes(title)) as HTMLElement;

  it('are chosen among by what is shown, and by what there is no room for', async () => {
    screen = await mountScreen('/k/pods', ({ api }) => void api.put(makePod('web')), { width: 454 });
    expect(headers()).toEqual(['Name', 'Status', 'Ready', 'Age']);
    expect(document.querySelector('.body')!.textContent).toContain('default');
    (document.querySelector('[aria-label="Columns"]') as HTMLElement).click();
    await settleScreen();
    expect(ticked()).toEqual(['Name', 'Namespace', 'Status', 'Ready', 'Age']);
    expect(box('Node').textContent).toContain('(no room)');
    expect(box('Images').textContent).not.toContain('(no room)');
    box('Node').click();
    await settleScreen();
    expect(headers()).toEqual(['Name', 'Status', 'Ready', 'Node']);
    expect(ticked()).toEqual(['Name', 'Namespace', 'Status', 'Ready', 'Node']);
    expect(box('Age').textContent).toContain('(no room)');
    box('Node').click();
    await settleScreen();
    expect(ticked()).toEqual(['Name', 'Namespace', 'Status', 'Ready', 'Age']);
  });
});
