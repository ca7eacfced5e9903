#!/usr/bin/gjs
// SPDX-License-Identifier: LGPL-2.1-or-later
// Answers of two owl2 in a row: from messages, from the buffers' metas, and to a
// question of its own.
//
// usage: gjs answers.js [SOURCE], such as "filesrc location=a.mp4 ! decodebin !
//   videoconvert"

imports.gi.versions.Gst = '1.0';
imports.gi.versions.GstApp = '1.0';
const {Gst, GstApp} = imports.gi;

// An answer as an object: a GstValueArray can't be read here, the JSON can.
function parse(structure) {
    return JSON.parse(structure.get_string('json'));
}

// The answers on a buffer, one of each element. get_custom_meta() finds the first
// one only, so metas are taken one by one off a buffer that has nothing else: a
// callback that returns null for the first one of any kind removes that. Before
// GStreamer 1.24 JavaScript can't see into metas, and there are the messages alone.
function answersOn(buffer) {
    const left = buffer.copy_region(Gst.BufferCopyFlags.META, 0, buffer.get_size());
    const answers = new Map();
    let meta;

    if (Gst.version()[1] < 24)
        return [];
    while ((meta = left.get_custom_meta('GstOwl2Meta'))) {
        const answer = parse(meta.get_structure());

        answers.set(answer.element, answer);
        left.foreach_meta(() => [false, null]);
    }
    return [...answers.values()];
}

// A terminal would do what control characters in a model's words say.
function say(line) {
    print(line.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?'));
}

Gst.init(null);
const source = ARGV[0] ||
    'videotestsrc num-buffers=30 pattern=ball ! ' +
    'video/x-raw,width=320,height=240,framerate=10/1';
const pipeline = Gst.parse_launch(`${source} ! owl2 name=what ! ` +
    'owl2 name=color prompt="What color is the circle?" ! ' +
    'appsink name=sink sync=false');
const sink = pipeline.get_by_name('sink');
const bus = pipeline.get_bus();
let asked = 0, told = false, shown = '', failed = false;

// Signals come on the streaming threads, where no JavaScript may run; all this is
// asked for.
function readMessage(message) {
    if (message.type === Gst.MessageType.ERROR) {
        printerr(message.parse_error()[0].message);
        failed = true;
        return;
    }
    if (!message.get_structure()?.has_name('owl2-answer'))
        return;
    const answer = parse(message.get_structure());
    const own = asked !== 0 && answer.element === 'what' && answer.id === asked;

    told ||= own;
    say(`${own ? 'asked' : 'message'} ${answer.element}: ${answer.text} ` +
        `(frames at ${answer['frame-times'].map(t => t / 1e9)} s)`);
    if (!asked)
        asked = pipeline.get_by_name('what').emit('ask', 'Is there a circle?');
}

const wanted = Gst.MessageType.ELEMENT | Gst.MessageType.ERROR;
pipeline.set_state(Gst.State.PLAYING);
while (!failed && !sink.is_eos()) {
    const sample = sink.try_pull_sample(Gst.SECOND / 10);
    const texts = sample ? answersOn(sample.get_buffer()).map(
        a => `${a.element}: ${a.text}`).join(', ') : '';

    if (texts && texts !== shown)
        say(`buffer ${(shown = texts)}`);
    for (let message; (message = bus.pop_filtered(wanted));)
        readMessage(message);
}
while (!failed && !(asked && told)) {
    const message = bus.timed_pop_filtered(10 * Gst.SECOND, wanted);

    if (!message)
        break;
    readMessage(message);
}
pipeline.set_state(Gst.State.NULL);
imports.system.exit(failed || !told ? 1 : 0);
