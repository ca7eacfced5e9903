// SPDX-License-Identifier: LGPL-2.1-or-later
// The page of owl2-live: what the server says (its events) is kept for each
// stream, and what is kept of the stream that is looked at is drawn. All text of
// others becomes text nodes, never markup.

const KEPT_ANSWERS = 50; // of each stream; no more are in the page
const KEPT_SCORES = 120;
const FRAMES_SHOWN = 4; // of one answer
const QUIET_S = 4; // between two captions that a screen reader is told
const SILENCE_S = 6; // without events (the cost comes each second)
const RETRY_S = 2; // where there is no connection
const PICTURE_S = 3; // without a picture

const streams = new Map(); // by id, what is known of each: see add_stream()
let selected = null;
let server = { webrtc: false };

const at = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// An element with a class, texts and children.
function make(tag, name = '', ...children) {
  const e = document.createElement(tag);
  if (name)
    e.className = name;
  e.append(...children);
  return e;
}

// The same text is not told again by a screen reader.
function say(e, text) {
  if (e.textContent !== text)
    e.textContent = text;
}

function note(id, text, wrong = false) {
  say(at(id), text);
  at(id).classList.toggle('wrong', wrong);
}

// What the server replies; an Error with its text, and the status, if it refuses.
async function request(path, options) {
  let reply;
  try {
    reply = await fetch(path, options);
  } catch {
    throw new Error('The server can\u2019t be reached.');
  }
  if (reply.ok)
    return reply;
  const { error } = await reply.json().catch(() => ({}));
  throw Object.assign(new Error(error || `The server says ${reply.status}.`), { status: reply.status });
}

async function ask_server(path, body) {
  const reply = await request(path, body && {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  return reply.json();
}

// ---- Numbers as people read them

function seconds(s) {
  if (s < 60)
    return s.toFixed(1);
  const tenths = Math.round(s * 10), minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, '0')}`;
}

function span(from, to) {
  const unit = to < 60 ? ' s' : '';
  return (seconds(from) === seconds(to) ? '' : `${seconds(from)} \u2013 `) + seconds(to) + unit;
}

const bytes = (n) => (n >= 1e9 ? `${(n / 1e9).toFixed(1)} GB` : `${Math.round(n / 1e6)} MB`);

function clock(wall) {
  const date = new Date(wall);
  return isNaN(date) ? '' : date.toLocaleTimeString(undefined, { timeStyle: 'medium', hourCycle: 'h23' });
}

// Of a file's name the part that tells files apart; addresses as they are.
const short = (name) => (/:\/\//.test(name) ? name : name.split('/').pop() || name);
const several = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`;
const to_record = (answer) => ({ ...answer, question: answer.question ?? '', count: 1, last: answer });

// ---- The picture: H.264 over WebRTC where the server has it, else MJPEG.
// One connection, for the stream that is looked at, while the page is seen.

const picture = at('picture'), video = at('video');
let turn = 0; // of showing; what began before is over
let peer = null;
let webrtc_failed = false;

function stop_picture() {
  turn++;
  peer?.close();
  peer = null;
  video.srcObject = null;
  video.hidden = true;
  // Another address ends the connection; the last picture stays.
  if (selected && picture.src)
    picture.src = `/streams/${selected.info.id}/newest.jpg?${turn}`;
}

function start_picture() {
  stop_picture();
  if (!selected || document.hidden)
    return;
  if (server.webrtc && !webrtc_failed && window.RTCPeerConnection)
    start_webrtc(turn);
  else
    start_mjpeg();
}

function show_picture(e) {
  e.hidden = false;
  selected.has_picture = true;
  draw_state();
}

function start_mjpeg() {
  const mine = turn;
  picture.onerror = () => setTimeout(() => {
    if (mine === turn && !document.hidden)
      start_picture();
  }, 1000);
  picture.onload = () => show_picture(picture);
  picture.src = `/streams/${selected.info.id}/picture?${mine}`;
}

// Gives the video up when no frame of it is shown for a while.
async function watch_video(mine) {
  let since = performance.now();
  video.hidden = false;
  video.requestVideoFrameCallback?.(function seen() {
    since = performance.now();
    if (mine === turn) {
      show_picture(video);
      video.requestVideoFrameCallback(seen);
    }
  });
  while (mine === turn && performance.now() - since < PICTURE_S * 1000)
    await sleep(250);
  leave_webrtc(mine);
}

function leave_webrtc(mine) {
  webrtc_failed ||= mine === turn;
  if (mine === turn)
    start_picture();
}

async function start_webrtc(mine) {
  const pc = peer = new RTCPeerConnection();
  try {
    pc.addTransceiver('video', { direction: 'recvonly' });
    pc.ontrack = (e) => {
      video.srcObject = e.streams[0] ?? new MediaStream([e.track]);
      video.play().catch(() => leave_webrtc(mine));
    };
    await pc.setLocalDescription(await pc.createOffer());
    for (let i = 0; i < 20 && pc.iceGatheringState !== 'complete'; i++)
      await sleep(100);
    const { sdp } = await ask_server(`/streams/${selected.info.id}/webrtc`,
      { sdp: pc.localDescription.sdp });
    if (mine !== turn)
      return;
    await pc.setRemoteDescription({ type: 'answer', sdp });
    watch_video(mine);
  } catch {
    leave_webrtc(mine);
  }
}

function draw_state() {
  const { state, error } = selected.info;
  const waits = state === 'loading' ? 'The model is being loaded \u2026' : 'Waiting for a picture \u2026';
  say(at('state'), state === 'failed' ? error || 'This source has failed.' : selected.has_picture ? '' : waits);
  say(at('trouble'), state === 'playing' ? error : '');
}

// ---- The caption

// What is being written replaces what stands there word by word: as long as it
// says the same, the rest stays, in a quieter colour.
function draw_caption() {
  const { partial, caption, alert } = selected;
  const before = caption.startsWith(partial ?? '') ? caption.slice((partial ?? caption).length) : '';
  say(at('said'), partial ?? caption);
  say(at('rest'), before);
  at('caption').classList.toggle('writing', partial !== null);
  at('caption').classList.toggle('alert', alert && partial === null);
}

let told = -Infinity, telling = 0;

// Tells a screen reader what a caption says, whole, and not all the time.
function announce(text, now = false) {
  clearTimeout(telling);
  const wait = now ? 0 : told + QUIET_S * 1000 - performance.now();
  telling = setTimeout(() => {
    told = performance.now();
    say(at('announced'), text);
  }, Math.max(0, wait));
}

function make_bar(choice) {
  const bar = make('span', 'bar', make('span'));
  bar.setAttribute('aria-hidden', 'true');
  return make('li', '', make('span', 'choice', choice), bar, make('span', 'share'));
}

function draw_bars() {
  const { choices, probabilities } = selected, bars = at('bars'), best = Math.max(...probabilities);
  bars.hidden = !choices.length;
  if (bars.dataset.choices !== JSON.stringify(choices)) {
    bars.dataset.choices = JSON.stringify(choices);
    bars.replaceChildren(...choices.map(make_bar));
  }
  probabilities.forEach((p, i) => {
    bars.children[i].className = p === best ? 'first' : '';
    bars.children[i].querySelector('.bar span').style.setProperty('--share', p);
    say(bars.children[i].lastChild, `${Math.round(p * 100)} %`);
  });
}

function svg(tag, attributes) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes))
    e.setAttribute(name, value);
  return e;
}

function draw_score() {
  const { scores, info } = selected;
  at('score').hidden = !scores.length;
  if (!scores.length)
    return;
  const weights = info['choice-weights'] ?? [];
  const all = [...scores, ...(weights.length ? weights : [0, 1])];
  const low = Math.min(...all), high = Math.max(...all), range = high - low || 1;
  const steps = Math.max(30, scores.length - 1);
  const point = (s, i) => `${(240 - (scores.length - 1 - i) * 240 / steps).toFixed(1)},${
    (57 - (s - low) / range * 54).toFixed(1)}`;
  const points = scores.map(point), [left] = points[0].split(',');
  at('curve').replaceChildren(
    svg('polygon', { class: 'under', points: [`${left},60`, ...points, '240,60'].join(' ') }),
    svg('polyline', { class: 'line', points: points.join(' ') }));
  const now = scores.at(-1).toFixed(2);
  say(at('score-now'), now);
  at('curve').setAttribute('aria-label', `The last ${several(scores.length, 'score')}, from ${
    Math.min(...scores).toFixed(2)} to ${Math.max(...scores).toFixed(2)}, now ${now}`);
  say(at('score-range').firstChild, `${+high.toFixed(2)}`);
  say(at('score-range').lastChild, `${+low.toFixed(2)}`);
}

// ---- Answers

function draw_when(record) {
  const when = record.item.querySelector('.when');
  if (record.waits) {
    say(when, record.waits);
    return;
  }
  const { last } = record, first_time = clock(record.wall), last_time = clock(last.wall);
  const time = make('time', '', first_time === last_time ? last_time : `${first_time} \u2013 ${last_time}`);
  time.dateTime = record.wall ?? '';
  // A file that begins anew has its times anew.
  const parts = [span(last.end < record.start ? last.start : record.start, last.end)];
  if (record.count > 1)
    parts.unshift(`${record.count} times`);
  if (Number.isFinite(last.confidence))
    parts.push(`confidence ${last.confidence.toFixed(2)}`);
  if (Number.isFinite(last.latency))
    parts.push(`took ${last.latency.toFixed(2)} s`);
  when.replaceChildren(time, ...parts.flatMap((p) => [' \u00b7 ', make('span', '', p)]));
}

// Small pictures of the frames, some of them where there are many.
function draw_frames(answer) {
  const all = answer.frames ?? [], n = Math.min(all.length, FRAMES_SHOWN);
  const box = make('div', n > 1 ? 'frames several' : 'frames');
  for (let i = 0; i < n; i++) {
    const k = Math.floor((2 * i + 1) * all.length / (2 * n)), img = make('img');
    const time = answer['frame-times']?.[k];
    img.alt = typeof time === 'number' ? `Frame at ${seconds(time)} s` : 'Frame';
    img.onerror = () => img.remove();
    img.src = all[k];
    box.append(img);
  }
  return n ? box : '';
}

function draw_record(record) {
  const words = make('div', 'words');
  if (record.question)
    words.append(make('p', 'question', record.question));
  words.append(make('p', 'text', record.text), make('p', 'when'));
  record.item = make('li', `answer${record.last?.alert ? ' alert' : ''}`,
    record.last ? draw_frames(record.last) : '', words);
  draw_when(record);
  return record.item;
}

function draw_list() {
  at('list').replaceChildren(...selected.records.map(draw_record));
  at('none').hidden = selected.records.length > 0;
}

// A record in the place of another one, or before all others.
function put_record(stream, record, old) {
  if (old) {
    stream.records[stream.records.indexOf(old)] = record;
    if (stream === selected)
      old.item.replaceWith(draw_record(record));
    return;
  }
  stream.records.unshift(record);
  const gone = stream.records.splice(KEPT_ANSWERS);
  if (stream !== selected)
    return;
  gone.forEach((r) => r.item.remove());
  at('none').hidden = true;
  at('list').prepend(draw_record(record));
  record.item.classList.add('new');
}

// The newest caption, if it says what this one says: then it is the same item.
function same_record(stream, answer) {
  const newest = stream.records.find((r) => !r.question);
  return newest && !answer.question && newest.text === answer.text
    && !newest.last.alert === !answer.alert ? newest : null;
}

// What this page has asked and this is the answer to: it may be there before the
// server has told its number.
function waiting_record(stream, said) {
  return said.question === '' ? undefined : stream.records.find((r) => r.waits
    && (r.id === said.id || (r.id === undefined && r.question === said.question)));
}

// Answers come again on connecting.
function is_new(stream, answer) {
  const key = `${answer.id} ${answer.wall ?? ''}`;
  if (stream.seen.has(key))
    return false;
  stream.seen.add(key);
  if (stream.seen.size > 4 * KEPT_ANSWERS)
    stream.seen.delete(stream.seen.values().next().value);
  return true;
}

function take_caption(stream, answer) {
  stream.partial = null;
  stream.caption = answer.text;
  stream.alert = Boolean(answer.alert);
  stream.choices = answer.choices ?? [];
  stream.probabilities = answer.probabilities ?? [];
  if (typeof answer.score === 'number') {
    stream.scores.push(answer.score);
    stream.scores.splice(0, stream.scores.length - KEPT_SCORES);
  } else {
    stream.scores.length = 0;
  }
  say(stream.says, answer.text);
  if (stream !== selected)
    return;
  draw_caption();
  draw_bars();
  draw_score();
  announce(answer.text);
}

function on_answer(answer) {
  const stream = streams.get(answer.stream);
  if (!stream || !is_new(stream, answer))
    return;
  const waiting = waiting_record(stream, answer), same = same_record(stream, answer);
  if (waiting) {
    put_record(stream, to_record({ ...answer, question: answer.question || waiting.question }), waiting);
    if (stream === selected)
      announce(answer.text, true);
    note('ask-note', '');
  } else if (same) {
    same.count++;
    same.last = answer;
    if (stream === selected)
      draw_when(same);
  } else {
    put_record(stream, to_record(answer));
  }
  if (!waiting && !answer.question)
    take_caption(stream, answer);
}

function on_partial(said) {
  const stream = streams.get(said.stream);
  if (!stream)
    return;
  const waiting = waiting_record(stream, said);
  if (waiting) {
    waiting.text = said.text;
    if (stream === selected)
      say(waiting.item.querySelector('.text'), said.text);
  } else if (!said.question) {
    stream.partial = said.text;
    if (stream === selected)
      draw_caption();
  }
}

function on_cost(cost) {
  const stream = streams.get(cost.stream);
  if (stream)
    stream.cost = cost;
  if (stream && stream === selected)
    draw_cost();
}

function draw_cost() {
  const c = selected.cost, parts = [];
  const add = (name, text) => typeof c[name] === 'number' && parts.push(text(c[name]));
  add('answers-per-second', (n) => `${n.toFixed(1)} answers a second`);
  add('delay', (s) => `${s.toFixed(2)} s delay`);
  add('dropped', (n) => `${several(n, 'clip')} dropped`);
  add('memory', (n) => `${bytes(n)} of memory`);
  add('device-memory', (n) => n > 0 && `${bytes(n)} on the device`);
  add('clients', (n) => n > 1 && `${n} watch`);
  at('figures').replaceChildren(...parts.filter(Boolean).map((t) => make('span', '', t)));
}

// ---- Streams and their tiles

function add_stream(info) {
  const stream = {
    info, caption: '', partial: null, alert: false, has_picture: false,
    records: [], seen: new Set(), scores: [], choices: [], probabilities: [], cost: {},
    says: make('span', 'says'), name: make('span', 'name'), still: make('img'),
  };
  stream.still.alt = '';
  stream.still.onload = stream.still.onerror = () => { stream.loads = false; };
  stream.button = make('button', '', make('span', 'still', stream.still), stream.name, stream.says);
  stream.button.type = 'button';
  stream.button.onclick = () => select(stream);
  at('tiles').append(make('li', '', stream.button));
  streams.set(info.id, stream);
  return stream;
}

function take_stream(info) {
  const stream = streams.get(info.id) ?? add_stream(info);
  stream.info = info;
  say(stream.name, short(info.name));
  if (!selected)
    select(stream);
  if (stream === selected)
    draw_stream();
}

function draw_stream() {
  const { info } = selected;
  say(at('model'), [info.model, info.device].filter(Boolean).join(' on '));
  say(at('name'), `Picture: ${info.name}`);
  document.title = `${short(info.name)} \u2013 owl2 live`;
  picture.alt = video.ariaLabel = `Live picture of ${short(info.name)}`;
  if (info.width > 0 && info.height > 0)
    at('screen').style.setProperty('--ratio', (info.width / info.height).toFixed(4));
  at('look').checked = info.look;
  draw_state();
  fill_standing();
}

function select(stream) {
  selected?.button.removeAttribute('aria-current');
  selected = stream;
  stream.button.setAttribute('aria-current', 'true');
  stream.has_picture = false;
  picture.hidden = true;
  changed = false;
  ['ask-note', 'standing-note', 'save-note'].forEach((id) => note(id, ''));
  draw_stream();
  draw_caption();
  draw_bars();
  draw_score();
  draw_list();
  draw_cost();
  start_picture();
}

let stills = 0;

// Tiles are stills, one at a time each: a browser has few connections.
function renew_stills() {
  if (streams.size < 2 || document.hidden)
    return;
  [...streams.values()].filter((s) => !s.loads).forEach((s) => {
    s.loads = true;
    s.still.src = `/streams/${s.info.id}/newest.jpg?${++stills}`;
  });
}

async function read_streams() {
  server = await ask_server('/streams');
  server.streams.forEach(take_stream);
  const ids = server.streams.map((s) => s.id);
  for (const stream of [...streams.values()].filter((s) => !ids.includes(s.info.id))) {
    streams.delete(stream.info.id);
    stream.button.parentNode.remove();
  }
  at('tiles').hidden = streams.size < 2;
  if (!streams.has(selected.info.id))
    select(streams.get(ids[0]));
}

// ---- Events

const KINDS = { stream: take_stream, partial: on_partial, answer: on_answer, cost: on_cost };
let events = null, lost = false;
let heard = 0; // when

function lose() {
  lost = true;
  say(at('connection'), 'Connection lost; trying again \u2026');
  at('connection').classList.add('lost');
}

// What was asked before the connection was lost may never be answered.
async function mend() {
  await read_streams();
  webrtc_failed = false;
  start_picture();
  const open = [...streams.values()].flatMap((s) => s.records.filter((r) => r.waits));
  setTimeout(() => open.filter((r) => r.waits).forEach((r) => {
    r.waits = 'The connection was lost before an answer came.';
    if (r.item.isConnected)
      draw_when(r);
  }), 5000);
}

function on_open() {
  heard = performance.now();
  say(at('connection'), 'Connected');
  at('connection').classList.remove('lost');
  if (lost)
    mend().catch(lose);
  lost = false;
}

async function listen() {
  events?.close();
  events = null;
  heard = performance.now();
  try {
    await read_streams();
  } catch {
    lose();
    return;
  }
  events?.close();
  events = new EventSource('/events');
  events.onopen = on_open;
  events.onerror = lose;
  for (const [kind, take] of Object.entries(KINDS)) {
    events.addEventListener(kind, (e) => {
      heard = performance.now();
      take(JSON.parse(e.data));
    });
  }
}

// A browser gives up where the server refuses, and waits for ever on one that
// says nothing.
function watch_events() {
  const refused = !events || events.readyState === EventSource.CLOSED;
  if (document.hidden || performance.now() - heard < (refused ? RETRY_S : SILENCE_S) * 1000)
    return;
  lose();
  listen();
}

// ---- What people do

at('ask').addEventListener('submit', async (e) => {
  e.preventDefault();
  const question = at('question').value.trim(), stream = selected;
  if (!stream || !question) {
    note('ask-note', 'Type a question first.', true);
    return;
  }
  const record = { question, text: '', waits: 'Asked \u2026' };
  put_record(stream, record);
  note('ask-note', '');
  at('question').value = '';
  at('answers').scrollTop = 0;
  try {
    record.id = (await ask_server(`/streams/${stream.info.id}/ask`, { question })).id;
  } catch (error) {
    record.id = null;
    record.waits = 'Not asked.';
    put_record(stream, record, record);
    note('ask-note', error.message, true);
    if (!at('question').value)
      at('question').value = question;
  }
});

let changed = false; // by hand, and not set

const list_of = (text) => text.split(',').map((s) => s.trim()).filter(Boolean);

function fill_standing() {
  const { info } = selected;
  if (changed)
    return;
  at('prompt').value = info.prompt ?? '';
  at('choices').value = (info.choices ?? []).join(', ');
  at('weights').value = (info['choice-weights'] ?? []).join(', ');
}

// What differs from what is set; an Error if a weight is no number. New choices
// have no weights, unless they come with them.
function standing_changes() {
  const weights = list_of(at('weights').value).map(Number);
  if (!weights.every(Number.isFinite))
    throw new Error('Weights are numbers with commas between, such as 1, 0.5, 0.');
  const { info } = selected, prompt = at('prompt').value.trim(), choices = list_of(at('choices').value);
  const same = JSON.stringify([choices, weights]) === JSON.stringify([info.choices, info['choice-weights']]);
  return { ...(prompt !== info.prompt && { prompt }), ...(!same && { choices, 'choice-weights': weights }) };
}

at('standing').addEventListener('input', () => {
  changed = true;
  note('standing-note', '');
});
at('standing').addEventListener('submit', async (e) => {
  e.preventDefault();
  try {
    const changes = standing_changes();
    if (Object.keys(changes).length) {
      const info = await ask_server(`/streams/${selected.info.id}/settings`, changes);
      changed = false;
      take_stream(info);
    }
    note('standing-note', 'Set.');
  } catch (error) {
    note('standing-note', error.message, true);
  }
});

at('look').addEventListener('change', async () => {
  try {
    take_stream(await ask_server(`/streams/${selected.info.id}/settings`, { look: at('look').checked }));
    note('save-note', '');
  } catch (error) {
    at('look').checked = selected.info.look;
    note('save-note', error.message, true);
  }
});

// Saves what the server makes, unless it can't: then the button is of no use, but
// stays where it is, for its reason to be found.
async function save(button, file) {
  if (!selected || button.ariaDisabled === 'true')
    return;
  const { id, name } = selected.info;
  button.ariaDisabled = true;
  note('save-note', 'Saving \u2026');
  try {
    const reply = await request(`/streams/${id}/${file}`);
    const link = make('a');
    link.href = URL.createObjectURL(await reply.blob());
    link.download = `${short(name).replace(/[^\p{L}\p{N}]+/gu, '-')}-${file}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    note('save-note', 'Saved.');
    button.ariaDisabled = false;
  } catch (error) {
    note('save-note', error.message, true);
    button.ariaDisabled = error.status === 501;
  }
}

at('save-captions').addEventListener('click', (e) => save(e.currentTarget, 'captions.vtt'));
at('save-clip').addEventListener('click', (e) => save(e.currentTarget, 'clip.mp4'));

// A page that nobody sees takes no pictures.
document.addEventListener('visibilitychange', () => {
  heard = Math.max(heard, performance.now() - SILENCE_S * 1000 + 2000);
  start_picture();
});

listen();
setInterval(watch_events, 1000);
setInterval(renew_stills, 1000);
