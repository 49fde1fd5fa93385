// The documentation page: shows the OpenAPI document of this server and lets every operation be tried.
'use strict';

const byId = (id) => document.getElementById(id);
const key = byId('key');
const project = byId('project');

/** An element with attributes and children; text is never taken for markup. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (attribute.startsWith('on')) element.addEventListener(attribute.slice(2), value);
    else element.setAttribute(attribute, value);
  }
  element.append(...children);
  return element;
}

const pretty = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));

/** Follows references, and says how a schema reads in a few words. */
function resolve(api, part) {
  return part && part.$ref ? part.$ref.slice(2).split('/').reduce((found, step) => found[step], api) : part;
}

function kind(api, schema) {
  const found = resolve(api, schema) ?? {};
  if (found.anyOf) return found.anyOf.map((one) => kind(api, one)).join(' or ');
  if (found.enum) return found.enum.map((one) => JSON.stringify(one)).join(', ');
  if (found.type === 'array') return `list of ${kind(api, found.items)}`;
  return [found.type ?? 'anything'].flat().join(' or ') + (found.format ? ` (${found.format})` : '');
}

function parameters(api, operation) {
  const rows = (operation.parameters ?? []).map((item) => {
    const field = make('input', { name: item.name, 'data-in': item.in, 'aria-label': item.name, placeholder: String(item.example ?? '') });
    if (item.in === 'path' && item.name !== 'project_id') field.value = String(item.example ?? '');
    const shown = item.name === 'project_id' ? 'as above' : field;
    return make('tr', {},
      make('td', {}, make('code', {}, item.name), item.required ? ' *' : ''),
      make('td', {}, shown),
      make('td', {}, `${item.description ?? ''} `, make('small', {}, kind(api, item.schema))));
  });
  return rows.length ? [make('h4', {}, 'Parameters'), make('table', {}, ...rows)] : [];
}

function requestBody(operation) {
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  if (!type) return [];
  const field = make('textarea', { name: 'body', 'data-type': type, 'aria-label': 'Body', spellcheck: 'false' });
  field.value = pretty(content.example);
  return [make('h4', {}, `Body (${type})`), field];
}

function fields(api, schema) {
  const found = resolve(api, schema) ?? {};
  const rows = Object.entries(found.properties ?? {}).map(([name, one]) => make('tr', {},
    make('td', {}, make('code', {}, name), (found.required ?? []).includes(name) ? '' : ' (optional)'),
    make('td', {}, kind(api, one)),
    make('td', {}, resolve(api, one)?.description ?? '')));
  return rows.length ? [make('details', {}, make('summary', {}, 'Fields'), make('table', {}, ...rows))] : [];
}

function answers(api, operation) {
  return Object.entries(operation.responses).map(([status, part]) => {
    const answer = resolve(api, part);
    const [type, content] = Object.entries(answer.content ?? {})[0] ?? [];
    const body = type ? [make('pre', {}, pretty(content.example)), ...fields(api, content.schema)] : [];
    const one = make('details', {}, make('summary', {}, make('b', {}, status), ` ${answer.description}`), ...body);
    one.open = status.startsWith('2');
    return one;
  });
}

/** The address with what was filled in. */
function address(path, form) {
  const query = new URLSearchParams();
  let target = path.replace('{project_id}', encodeURIComponent(project.value.trim()));
  for (const field of form.querySelectorAll('input[data-in]')) {
    if (field.dataset.in === 'path') target = target.replace(`{${field.name}}`, encodeURIComponent(field.value));
    else if (field.value && field.dataset.in === 'query') query.append(field.name, field.value);
  }
  return target + (query.size ? `?${query}` : '');
}

function headersOf(form, body) {
  const headers = {};
  if (key.value.trim()) headers.Authorization = `Bearer ${key.value.trim()}`;
  if (body) headers['Content-Type'] = body.dataset.type;
  for (const field of form.querySelectorAll('input[data-in=header]')) if (field.value) headers[field.name] = field.value;
  return headers;
}

async function send(method, path, form, output) {
  const body = form.querySelector('textarea');
  output.hidden = false;
  output.className = '';
  try {
    const answer = await fetch(address(path, form), { method, headers: headersOf(form, body), body: body?.value });
    const text = await answer.text();
    let shown = text;
    try { shown = pretty(JSON.parse(text)); } catch { /* it is no JSON: shown as it is */ }
    output.className = answer.ok ? '' : 'bad';
    output.textContent = `${answer.status} ${answer.statusText}\n\n${shown}`;
  } catch (error) {
    output.className = 'bad';
    output.textContent = String(error);
  }
}

function operationOf(api, path, method, operation) {
  const output = make('pre', { hidden: '', role: 'status' });
  const form = make('form', { onsubmit: (event) => { event.preventDefault(); send(method.toUpperCase(), path, form, output); } },
    ...parameters(api, operation), ...requestBody(operation));
  if (!operation.responses['200']?.content?.['text/event-stream']) form.append(make('p', {}, make('button', {}, 'Send')));
  form.append(output);
  const scope = operation['x-required-scope'];
  const role = operation['x-required-role'];
  const words = operation.description.split('\n\n').map((part) => make('p', {}, part));
  return make('details', { id: operation.operationId },
    make('summary', {}, make('span', { class: 'method' }, method.toUpperCase()), make('span', { class: 'path' }, path), ` — ${operation.summary}`),
    ...words, make('p', {}, 'Operation ', make('code', {}, operation.operationId), ...(scope ? [', needs the scope ', make('code', {}, scope)] : []), role ? ` and the role of ${role}` : ''),
    form, make('h4', {}, 'Answers'), ...answers(api, operation));
}

function open() {
  const found = byId(decodeURIComponent(location.hash.slice(1)));
  if (found instanceof HTMLDetailsElement) { found.open = true; found.scrollIntoView(); }
}

function filter() {
  const wanted = byId('find').value.toLowerCase();
  for (const item of document.querySelectorAll('#contents li')) item.hidden = !item.textContent.toLowerCase().includes(wanted);
}

async function show() {
  const api = await (await fetch('/api/schema/')).json();
  byId('version').textContent = api.info.version;
  byId('about').append(...api.info.description.split('\n\n').map((part) => make('p', {}, part)));
  for (const tag of api.tags) {
    const list = make('ul');
    const section = make('section', {}, make('h2', {}, tag.name), make('p', {}, tag.description));
    for (const [path, item] of Object.entries(api.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        if (operation.tags[0] !== tag.name) continue;
        section.append(operationOf(api, path, method, operation));
        list.append(make('li', {}, make('a', { href: `#${operation.operationId}`, title: `${method.toUpperCase()} ${path}` }, operation.summary)));
      }
    }
    byId('contents').append(make('h2', {}, tag.name), list);
    byId('operations').append(section);
  }
  open();
}

key.value = sessionStorage.getItem('key') ?? '';
key.addEventListener('change', () => sessionStorage.setItem('key', key.value.trim()));
byId('credentials').addEventListener('submit', (event) => event.preventDefault());
byId('find').addEventListener('input', filter);
window.addEventListener('hashchange', open);
show();
