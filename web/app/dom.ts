// SPDX-License-Identifier: Apache-2.0
/** Elements without a framework. Text goes in as text only: nothing here reads HTML. */
type Child = Node | string | undefined | false;
type Handler = (event: Event) => void;
export type Attributes = Readonly<Record<string, string | number | boolean | undefined | Handler>>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K, attributes: Attributes = {}, ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  set(element, attributes);
  for (const child of children) if (child !== undefined && child !== false) element.append(child);
  return element;
}

export function set(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.replace(/^on/, ''), value);
    else if (value === undefined || value === false) element.removeAttribute(name);
    else if (value === true) element.setAttribute(name, '');
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
  }
}

/** Sets the text only when it differs, so that screen readers and selections are left alone. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren(...children.filter((c): c is Node | string => c !== undefined && c !== false));
}

const SVG = 'http://www.w3.org/2000/svg';
function svg(size: number, box: number, parts: readonly [string, Readonly<Record<string, string | number>>][], name: string): SVGSVGElement {
  const element = document.createElementNS(SVG, 'svg');
  set(element, { viewBox: `0 0 ${box} ${box}`, width: size, height: size, 'aria-hidden': 'true', class: name, focusable: 'false' });
  for (const [tag, attributes] of parts) {
    const part = document.createElementNS(SVG, tag);
    set(part, attributes);
    element.append(part);
  }
  return element;
}

const p = (d: string): [string, Record<string, string>] => ['path', { d }];
const MIC = 'M12 3.5a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0v-5a3 3 0 0 1 3-3Z M5.8 11.5a6.2 6.2 0 0 0 12.4 0 M12 17.7v3';
const CAM = 'M4.5 6.5h9a1.8 1.8 0 0 1 1.8 1.8v7.4a1.8 1.8 0 0 1-1.8 1.8h-9a1.8 1.8 0 0 1-1.8-1.8V8.300a1.8 1.8 0 0 1 1.8-1.8Z M15.300 10.800l6-3v8.400l-6-3';
const SLASH = 'M4 4l16 16';
const ICONS = {
  mic: [p(MIC)],
  'mic-off': [p(MIC), p(SLASH)],
  cam: [p(CAM)],
  'cam-off': [p(CAM), p(SLASH)],
  share: [p('M3.500 5h17v11.500h-17z M8.500 20h7 M12 16.500V20 M12 13.500v-5 M9.500 10.500l2.500-2.500 2.500 2.500')],
  hand: [p('M7.200 12.500V6.300a1.400 1.400 0 0 1 2.800 0V11 M10 10.500V4.600a1.400 1.400 0 0 1 2.800 0v6 M12.800 10.800V5.600a1.400 1.400 0 0 1 2.800 0V12 M15.600 11.500V8.300a1.300 1.300 0 0 1 2.700 0v6.200c0 3.500-2.300 6-5.700 6-2.800 0-4.300-1.300-5.500-3.500l-2.300-4.200c-.5-1 .9-2 1.800-1.100l1.600 1.700')],
  leave: [p('M3.200 14.800c-.6-1-.4-2.600.5-3.500 4.500-4 12.100-4 16.600 0 .9.900 1.100 2.500.5 3.500-.4.700-1.200.900-1.900.600l-2.700-1c-.600-.200-1-.800-1-1.400v-1.600a11 11 0 0 0-6.400 0V13c0 .600-.4 1.200-1 1.400l-2.700 1c-.700.300-1.500.100-1.900-.600Z')],
  captions: [p('M3.500 5.500h17v13h-17z M10.300 10.600c-1.600-1.300-3.700-.4-3.700 1.400s2.100 2.700 3.700 1.400 M17.300 10.600c-1.600-1.300-3.700-.4-3.700 1.400s2.100 2.700 3.700 1.400')],
  people: [p('M9 11.500a3.200 3.200 0 1 0 0-6.400 3.200 3.200 0 0 0 0 6.400Z M3 19.500c.3-3.300 2.700-5.500 6-5.500s5.700 2.200 6 5.500 M15.500 5.300a3.200 3.200 0 0 1 0 6 M17 14.300c2.300.6 3.800 2.500 4 5.200')],
  chat: [p('M4.500 5h15a1 1 0 0 1 1 1v9.500a1 1 0 0 1-1 1H12l-4.500 4v-4h-3a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1Z')],
  more: [['circle', { cx: 5.5, cy: 12, r: 1.1, class: 'solid' }], ['circle', { cx: 12, cy: 12, r: 1.1, class: 'solid' }], ['circle', { cx: 18.5, cy: 12, r: 1.1, class: 'solid' }]],
  close: [p('M5.500 5.500l13 13 M18.500 5.500l-13 13')],
  down: [p('M6.500 9.500l5.500 5.500 5.500-5.500')],
  check: [p('M5 12.500l4.500 4.500L19 7.500')],
  play: [['path', { d: 'M8 5.500l11 6.500-11 6.500z', class: 'solid' }]],
  speaker: [p('M4 9.500v5h3.500l4.500 4v-13l-4.500 4z M15.500 9a4.200 4.200 0 0 1 0 6 M18 6.500a8 8 0 0 1 0 11')],
  grid: [p('M4 4.500h6.500v6.500H4z M13.500 4.500H20v6.500h-6.500z M4 13.500h6.500V20H4z M13.500 13.500H20V20h-6.500z')],
  speakerview: [p('M3.500 5h17v14h-17z M15.500 5v14 M15.500 9.700h5 M15.500 14.300h5')],
  copy: [p('M8.500 8.500h11v11h-11z M15.500 8.500v-4h-11v11h4')],
  stop: [p('M8.200 3h7.600L21 8.200v7.600L15.800 21H8.200L3 15.800V8.200z M12 7.500v5.500 M12 16.200v.4')],
  door: [p('M5 5v14h5 M14 8l4 4-4 4 M9 12h9')],
  warn: [p('M12 4l9 16H3z M12 10v4.500 M12 17v.4')],
  settings: [p('M4 7h9 M17 7h3 M4 17h3 M11 17h9 M15 4.800v4.400 M9 14.800v4.400')],
  link: [p('M10 14a4 4 0 0 0 5.700 0l3-3A4 4 0 0 0 13 5.300l-1 1 M14 10a4 4 0 0 0-5.700 0l-3 3A4 4 0 0 0 11 18.700l1-1')],
  stats: [p('M4 19.500h16 M6.500 16V11 M12 16V5 M17.500 16V8.500')],
  clip: [p('M19 11l-7.600 7.600a4.600 4.600 0 0 1-6.500-6.500l8-8a3.100 3.100 0 0 1 4.400 4.400l-7.900 7.900a1.600 1.600 0 0 1-2.200-2.200L14 7.500')],
  file: [p('M6 3.500h8l4.500 4.500v12.500H6z M13.500 3.500V8.500h5')],
  send: [p('M4 12l16-7.500-5.500 15.500-3-6.500z M11.500 13.500L20 4.500')],
  expand: [p('M4 9.500V4h5.500 M14.500 4H20v5.500 M20 14.500V20h-5.500 M9.500 20H4v-5.500')],
  smile: [p('M12 20.500a8.500 8.500 0 1 0 0-17 8.500 8.500 0 0 0 0 17Z M8.500 14c.8 1.400 2 2.100 3.500 2.100s2.700-.7 3.500-2.100 M9 9.500v.5 M15 9.500v.5')],
  pin: [p('M9 4h6l-.7 6 3.200 3.500H6.500L9.700 10z M12 13.500V20')],
} satisfies Record<string, readonly [string, Readonly<Record<string, string | number>>][]>;
export type IconName = keyof typeof ICONS;
export const icon = (name: IconName, size = 22): SVGSVGElement => svg(size, 24, ICONS[name], `icon icon-${name}`);

const DOTS: [string, Record<string, string | number>][] = [[16, 11.6], [11.6, 18.6], [20.4, 18.6]].map(([cx, cy]) =>
  ['circle', { cx: cx ?? 0, cy: cy ?? 0, r: 2.5, class: 'solid' }]);
const SHAPES = {
  direct: [['circle', { cx: 7, cy: 16, r: 5.200, class: 'solid' }], ['circle', { cx: 25, cy: 16, r: 5.200, class: 'solid' }], p('M7 16h18')],
  sealed: [['circle', { cx: 16, cy: 16, r: 12.500 }], ...DOTS],
  witnessed: [p('M28.300 18.400A12.500 12.500 0 1 0 18.400 28.300'), ...DOTS, ['rect', { x: 22, y: 22, width: 8.500, height: 8.500, class: 'solid' }]],
  governed: [['rect', { x: 4, y: 4, width: 24, height: 24, rx: 3.500 }], ...DOTS],
} satisfies Record<string, readonly [string, Readonly<Record<string, string | number>>][]>;
/** Circles are people, squares are institutions, the outline holds who can read. */
export const shape = (name: keyof typeof SHAPES, size = 24): SVGSVGElement => svg(size, 32, SHAPES[name], `shape shape-${name}`);

export function monogram(name: string): string {
  const words = name.trim().split(/\s+/u).filter((w) => /\p{L}|\p{N}/u.test(w));
  const first = (word: string | undefined): string => [...(word ?? '')].find((c) => /\p{L}|\p{N}/u.test(c)) ?? '';
  return (first(words[0]) + (words.length > 1 ? first(words[words.length - 1]) : '')).toLocaleUpperCase() || '?';
}
