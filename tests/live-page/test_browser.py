#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page of owl2-live in a browser (Chromium, without a window), with the
embedded model: on the test picture how soon it says something and how old its
picture is; on a file of two scenes all that a person can do, by keyboard.

usage: test_browser.py OWL2_LIVE [FOLDER]
  FOLDER: where pictures of the page are left: light.png, dark.png, phone.png,
  narrow.png, choices.png, look.png, tiles.png"""

import pathlib
import re
import subprocess
import sys
import tempfile
import time

import delay
from browser import PROGRAM as PROGRAM_OF_BROWSER
from browser import Browser
from live import PATIENCE, Live

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "pipelines"))
from checks import check, finish  # noqa: E402

PROGRAM = sys.argv[1]
PICTURES = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
IN_PAGE = (pathlib.Path(__file__).parent / "in_page.js").read_text()
HURT = '<img src=x onerror="window.hurt = 1">'
CAPTION = "document.getElementById('announced')?.textContent"
SHOWN = """(() => {
  const [picture, video] = ['picture', 'video'].map(i => document.getElementById(i));
  return video.hidden ? !picture.hidden && picture.complete && picture.naturalWidth > 0
    : video.currentTime > 0;
})()"""
LONG = PATIENCE  # for what has no bar in time
FIRST_CAPTION_S = 3
DELAY_S = 0.3


def draw(path, *patterns):
    """Four seconds of each."""
    caps = "video/x-raw,width=640,height=360,framerate=25/1"
    subprocess.run(
        ["gst-launch-1.0", "-q", "concat", "name=c", "!", caps, "!", "vp8enc",
         "deadline=1", "!", "webmmux", "!", "filesink", f"location={path}"]
        + [word for pattern in patterns for word in (
            "videotestsrc", f"pattern={pattern}", "num-buffers=100",
            "foreground-color=0xffff0000", "background-color=0xffffffff", "!",
            "c.")],
        check=True, timeout=60)


def leave_picture(b, name, whole=False):
    if PICTURES:
        time.sleep(0.5)
        b.picture(PICTURES / name, whole)


def check_opening(b, live):
    b.look(1280, 900)
    b.open(live.link)
    took = b.wait(f"!!{CAPTION}", LONG)
    print(f"first caption after {took} s: {b.run(CAPTION)!r}")
    check(took is not None and took < FIRST_CAPTION_S,
          f"the first caption is there within {FIRST_CAPTION_S} s: {took}")
    check(b.run("document.getElementById('said').textContent"),
          "the caption can be seen")
    check(b.wait(SHOWN, LONG) is not None, "there is a picture")


def check_video(b):
    """The server's own."""
    video = "document.getElementById('video')"
    came = b.wait(f"!{video}.hidden && {video}.currentTime > 1", 10)
    size = b.run(f"[{video}.videoWidth, {video}.videoHeight]")
    check(came is not None and size == [640, 360], f"H.264 is played: {size}")


def check_delay(b, log):
    seen = b.run(f"{IN_PAGE}; watch_ball(8000)")
    ages = delay.delays(seen, log.read_text(errors="replace"))
    check(len(seen) >= 40, f"the picture moves: {len(seen)} in 8 s")
    check(len(ages) >= 0.9 * len(seen),
          f"frames are known: {len(ages)} of {len(seen)}")
    if ages:
        median, most = delay.summary(ages)
        print(f"{len(ages) / 8:.1f} pictures a second; from picture to page "
              f"{median * 1000:.0f} ms, 95 % below {most * 1000:.0f} ms")
        check(median < DELAY_S, f"the delay is below {DELAY_S} s: {median}")


def check_changes(b):
    """The caption follows the picture."""
    captions = []
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        text = b.run(CAPTION)
        if text and text not in captions:
            captions.append(text)
        if (any(re.search("ball|circle", c) for c in captions)
                and any(re.search("SMPTE|bars", c) for c in captions)):
            break
        time.sleep(0.1)
    print(f"captions: {captions}")
    check(any(re.search("ball|circle", c) for c in captions)
          and any(re.search("SMPTE|bars", c) for c in captions),
          f"the caption changes with the picture: {captions}")


def tab_to(b, id, limit=20):
    """Presses Tab until the element has the focus."""
    for _ in range(limit):
        if b.run("document.activeElement.id") == id:
            return True
        b.press("Tab")
    return False


def ask(b, question):
    """Asks by keyboard; the answer, or None."""
    check(tab_to(b, "question"), "Tab leads to the box for questions")
    b.type(question)
    b.press("Enter", "\r")
    item = ("[...document.querySelectorAll('#list .answer')].find(i => "
            f"i.querySelector('.question')?.textContent === {question!r}"
            " && i.querySelector('time'))")
    if b.wait(f"!!{item}", LONG) is None:
        return None
    check(b.run(f"{item}.querySelectorAll('.frames img').length") > 0,
          "an answer has pictures of its frames")
    return b.run(f"{item}.querySelector('.text').textContent")


def check_question(b):
    answer = ask(b, "Is there a red circle?")
    print(f"a question is answered: {answer!r}")
    check(answer, "a typed question is answered")
    check(b.run("document.activeElement.id") == "question"
          and b.run("document.getElementById('question').value") == "",
          "the box is empty, for the next question")
    answer = ask(b, HURT)
    print(f"markup is answered: {answer!r}")
    check(answer is not None, "a question full of markup is answered")


def set_standing(b, **values):
    for id, value in values.items():
        check(tab_to(b, id), f"Tab leads to {id}")
        b.run(f"document.getElementById('{id}').select()")
        if value:
            b.type(value)
        else:
            b.press("Delete")
    b.press("Enter", "\r")
    note = "document.getElementById('standing-note').textContent"
    b.wait(f"!!{note}", LONG)
    return b.run(note)


def check_standing(b):
    """Choices that are markup: the captions are then, too."""
    said = set_standing(b, prompt="Is there a ball?", choices=f"{HURT}, No",
                        weights="1, 0")
    check(said == "Set.", f"choices are set: {said}")
    took = b.wait(f"[{HURT!r}, 'No'].includes({CAPTION})", LONG)
    check(took is not None, f"the caption is a choice: {b.run(CAPTION)!r}")
    bars = b.run("[...document.querySelectorAll('#bars .choice')]"
                 ".map(e => e.textContent)")
    check(bars == [HURT, "No"], f"bars have the choices as text: {bars}")
    check(b.wait("document.querySelector('#curve polyline')?.getAttribute"
                 "('points').split(' ').length > 3", LONG) is not None,
          "the score is a curve")
    set_standing(b, choices="Yes, No")
    b.wait("[...document.querySelectorAll('#list .text')].some("
           "e => e.textContent === 'Yes')", LONG)
    time.sleep(8 if PICTURES else 0)
    leave_picture(b, "choices.png", whole=True)
    said = set_standing(b, weights="1, x")
    check("numbers" in said, f"a weight that is none is told: {said}")
    said = set_standing(b, prompt="", choices="", weights="")
    check(said == "Set.", f"choices are taken back: {said}")
    check(b.wait("document.getElementById('bars').hidden", LONG) is not None,
          "the bars go with the choices")


def check_markup(b):
    check(b.run("window.hurt") is None, "no text is run")
    n = b.run("document.querySelectorAll('.words img, .words :not(p, span, time),"
              " #caption img, #announced *, #bars img').length")
    check(n == 0, f"no text is markup: {n} elements")


def cues(text):
    """The cues of a WebVTT file as (from, to, text); None: it is none."""
    blocks = re.split(r"\n{2,}", text.replace("\r\n", "\n").strip("\n"))
    if not re.match(r"WEBVTT([ \t\n]|$)", blocks[0]):
        return None
    found = []
    stamp = r"((?:\d{2,}:)?[0-5]\d:[0-5]\d\.\d{3})"
    for block in blocks[1:]:
        if re.match(r"(NOTE|STYLE|REGION)([ \t\n]|$)", block):
            continue
        m = re.match(rf"(?:(?!.*-->).+\n)?{stamp} +--> +{stamp}[^\n]*\n(.*)\Z",
                     block, re.S)
        if not m or "-->" in m[3]:
            return None
        begin, end = (sum(float(v) * 60 ** i for i, v in
                          enumerate(reversed(t.split(":")))) for t in m.groups()[:2])
        found.append((begin, end, m[3]))
    return found


def press_button(b, id):
    check(tab_to(b, id), f"Tab leads to {id}")
    b.press("Enter", "\r")


def check_saving(b, folder):
    b.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=folder)
    wanted = b.run(CAPTION)
    press_button(b, "save-captions")
    said = "document.getElementById('save-note').textContent"
    check(b.wait(f"{said} === 'Saved.'", LONG) is not None,
          f"captions are saved: {b.run(said)}")
    files = []
    end = time.monotonic() + 10
    while not files and time.monotonic() < end:
        files = list(pathlib.Path(folder).glob("*.vtt"))
        time.sleep(0.1)
    check(files, "there is a file of captions")
    if files:
        text = files[0].read_text()
        found = cues(text)
        check(found and all(a < z for a, z, _ in found)
              and [c[0] for c in found] == sorted(c[0] for c in found),
              f"it is WebVTT: {text}")
        check(found and len({t for _, _, t in found}) >= 2,
              f"it has what was said, such as {wanted!r}: {text}")


def check_clip(b, folder):
    """The last ten seconds, or why not; a refusal is an error in the console."""
    press_button(b, "save-clip")
    said = "document.getElementById('save-note').textContent"
    check(b.wait(f"!['', 'Saving \\u2026'].includes({said})", LONG) is not None,
          "something comes of it")
    if b.run(said) == "Saved.":
        time.sleep(2)
        data = [f.read_bytes() for f in pathlib.Path(folder).glob("*.mp4")]
        check(len(data) == 1 and data[0][4:8] == b"ftyp" and b"avc1" in data[0],
              f"it is H.264 in MP4: {[d[:12] for d in data]}")
    else:
        print(f"no clip: {b.run(said)}")
        check(b.run("document.getElementById('save-clip').ariaDisabled") == "true"
              and len(b.run(said)) > 10, "the button is off, and says why")


def check_heard(b):
    """What a screen reader has."""
    # A caption may change in between.
    texts = []
    for _ in range(5):
        caption, nodes = b.run(CAPTION), b.spoken()
        texts = [name for role, name, _ in nodes if role == "StaticText"]
        if caption in texts:
            break
    check(caption and caption in texts,
          f"the accessibility tree has the caption {caption!r}: {texts}")
    live = b.run("document.getElementById('announced').ariaLive")
    check(live == "polite", f"captions are told politely: {live}")
    loud = b.run("[...document.querySelectorAll('[aria-live], [role=status],"
                 " [role=alert], output')].map(e => e.id)")
    check(set(loud) <= {"connection", "announced", "save-note", "ask-note",
                        "standing-note"},
          f"nothing that changes all the time is told: {loud}")
    heads = [name for role, name, _ in nodes if role == "heading"]
    check(len(heads) >= 5, f"there are headings: {heads}")
    controls = [(role, name) for role, name, _ in nodes
                if role in ("button", "textbox", "switch", "image", "list",
                            "region", "checkbox", "link")]
    check(len(controls) > 10 and all(
        name for role, name in controls if role != "list"),
          f"all of it has names: {controls}")


def check_keyboard(b):
    """Tab goes through all there is, seen, and out again."""
    seen = []
    for _ in range(30):
        b.press("Tab")
        where = b.run("document.activeElement.id || (document.activeElement"
                      " === document.body ? '' : document.activeElement.textContent)")
        if where in seen:
            break
        if not where:
            continue
        seen.append(where)
        check(b.run("getComputedStyle(document.activeElement).outlineStyle")
              == "solid", f"the focus is seen on {where}")
    wanted = ["look", "save-captions", "save-clip", "question", "Ask", "answers",
              "prompt", "choices", "weights", "Set"]
    first = seen.index("look") if "look" in seen else 0
    check(seen[first:] + seen[:first] == wanted,
          f"Tab goes through all there is, in order: {seen}")
    press_button(b, "save-captions")
    check(tab_to(b, "look"), "Tab leads to the switch")
    b.press(" ", " ")
    check(b.wait("document.getElementById('look').checked", LONG) is not None,
          "the space bar shows where it looks")
    leave_picture(b, "look.png")
    time.sleep(0.5)
    b.press(" ", " ")


def check_looks(b):
    for name, width, height, dark in (
            ("light", 1280, 920, False), ("dark", 1280, 920, True),
            ("phone", 390, 844, False), ("narrow", 320, 640, True)):
        b.look(width, height, dark)
        time.sleep(0.3)
        leave_picture(b, f"{name}.png", width == 320)
        wide = b.run("document.documentElement.scrollWidth")
        check(wide <= width, f"{name}: it is {wide} wide")
        pale = b.run(f"{IN_PAGE}; pale_texts()")
        check(not pale, f"{name}: contrast is enough: {pale}")
    b.look(1280, 900, still=True)
    moving = b.run("document.getAnimations().length")
    check(moving == 0, f"nothing moves where that is not wanted: {moving}")


def check_many(b, n=55):
    """However many answers there are, the page has the last 50."""
    b.run("""(async () => {
      for (let i = 0; i < %d; i++) {
        const r = await fetch('/streams/0/ask', { method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ question: `Is there a circle? ${i}` }) });
        if (!r.ok)
          { await new Promise(d => setTimeout(d, 500)); i--; }
      }
    })(); 0""" % n)
    count = "document.querySelectorAll('#list > li').length"
    reached = b.wait(f"{count} >= 50", LONG)
    last = b.wait("[...document.querySelectorAll('#list .question')].some("
                  f"e => e.textContent.endsWith(' {n - 1}'))", LONG)
    check(reached is not None and last is not None and b.run(count) == 50,
          f"50 answers are kept: {b.run(count)}")


def check_lost(b, live, *sources):
    """A server that ends and comes again."""
    connection = "document.getElementById('connection').textContent"
    check(b.run(connection) == "Connected", f"it is said: {b.run(connection)}")
    live.process.terminate()
    status = live.process.wait(60)
    check(status == 0, f"the server ends: {status}")
    check(b.wait(f"{connection}.includes('lost')", LONG) is not None,
          "a lost connection is said")
    with Live(PROGRAM, '--port', str(live.port), *sources):
        check(b.wait(f"{connection} === 'Connected'", LONG) is not None,
              f"and mended: {b.run(connection)}")
        b.run("document.getElementById('announced').textContent = ''")
        check(b.wait(f"!!{CAPTION}", LONG) is not None, "captions go on")
        check(b.wait(SHOWN, LONG) is not None, "the picture goes on")


def check_tiles(b, live):
    """Two sources: each has its captions, and the second is chosen by keyboard."""
    check_opening(b, live)
    tiles = "[...document.querySelectorAll('#tiles button')]"
    check(b.run(f"{tiles}.length") == 2, "there is a tile for each source")
    check(b.wait(f"{tiles}.every(t => t.querySelector('.says').textContent"
                 " && t.querySelector('img').naturalWidth > 0)", LONG) is not None,
          "each has a caption and a picture")
    b.run(f"{tiles}[0].focus()")
    b.press("Tab")
    b.press("Enter", "\r")
    check(b.run(f"{tiles}.map(t => t.ariaCurrent)") == [None, "true"],
          "the second one is chosen")
    check(b.wait(f"{SHOWN} && performance.getEntriesByType('resource').some("
                 "e => /streams.1.(webrtc|picture)/.test(e.name))", LONG) is not None,
          "its picture is shown")
    own = b.wait("document.getElementById('said').textContent"
                 f" === {tiles}[1].querySelector('.says').textContent", LONG)
    check(own is not None and "check" in b.run(f"{tiles}[1].textContent"),
          f"its caption is shown: {b.run(tiles + '[1].textContent')}")
    answer = ask(b, "Is there a checkerboard?")
    print(f"of the second source: {answer!r}")
    check(answer, "a question is about the source that is shown")
    leave_picture(b, "tiles.png")


def check_webrtc(b, live):
    """Video over WebRTC where the server has it, and what is without it when that
    ends. The other end is in the page."""
    b.before(f"{IN_PAGE}; fake_webrtc()")
    video = "document.getElementById('video')"
    state = "document.getElementById('state').textContent"
    came = None
    for _ in range(3):  # Where nothing else leaves it the time.
        b.open(live.link)
        came = b.wait(f"{video} && !{video}.hidden"
                      f" && {video}.currentTime > 0.5 && {state} === ''", 10)
        if came:
            break
    check(came, "video comes")
    if not came:
        return
    b.run("far.forEach(pc => pc.close())")
    check(b.wait(f"{video}.hidden && !document.getElementById('picture').hidden"
                 " && document.getElementById('picture').src.includes('/picture?')",
                 LONG) is not None, "pictures come where video ends")


def main():
    if PICTURES:
        PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log"
        with Live(PROGRAM, env=delay.logged(log)) as live, Browser() as b:
            check_opening(b, live)
            check_video(b)
            check_delay(b, log)
            check_webrtc(b, live)
            check(not b.wrong(), f"nothing in the console is wrong: {b.wrong()}")
        scenes, other = f"{folder}/scenes.webm", f"{folder}/other.webm"
        draw(scenes, "ball", "smpte")
        draw(other, "checkers-8")
        with Live(PROGRAM, scenes) as live, Browser() as b:
            check_opening(b, live)
            check_changes(b)
            check_question(b)
            check_heard(b)
            check_looks(b)
            check_keyboard(b)
            check_standing(b)
            check_markup(b)
            check_saving(b, folder)
            check(not b.wrong(), f"nothing in the console is wrong: {b.wrong()}")
            check_clip(b, folder)
            check_many(b)
            check_lost(b, live, scenes)
        with Live(PROGRAM, scenes, other) as live, Browser() as b:
            check_tiles(b, live)
            check(not b.wrong(), f"nothing in the console is wrong: {b.wrong()}")
    return finish()


if __name__ == "__main__":
    if not PROGRAM_OF_BROWSER:
        print("chromium is not installed")
        sys.exit(77)
    sys.exit(main())
