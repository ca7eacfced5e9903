// SPDX-License-Identifier: LGPL-2.1-or-later
// What test_page.py runs in the page.

// Texts whose contrast with what is behind them is below that of WCAG AA.
function pale_texts() {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (colour, below = [255, 255, 255]) => {
    canvas.fillStyle = `rgb(${below.join(' ')})`;
    canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (colour) => colour.map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => (e ? rgb(getComputedStyle(e).backgroundColor, behind(e.parentElement)) : [255, 255, 255]);
  const pale = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own && e.tagName !== 'INPUT' || !e.checkVisibility() || e.closest('.heard, noscript'))
      continue;
    const style = getComputedStyle(e), size = parseFloat(style.fontSize);
    const ground = behind(e), texts = [style.color];
    if (e.placeholder)
      texts.push(getComputedStyle(e, '::placeholder').color);
    for (const text of texts) {
      const [a, b] = [light(rgb(text, ground)), light(ground)].sort((x, y) => y - x);
      if ((a + 0.05) / (b + 0.05) < (size >= 24 ? 3 : 4.5))
        pale.push(`${e.tagName} "${e.textContent.slice(0, 30)}" ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
    }
  }
  return pale;
}

// Where the red ball of the test picture is, as parts of the picture's width and
// height, and when, each time that it has moved, for so many milliseconds.
function watch_ball(ms) {
  const video = document.getElementById('video'), seen = [], end = performance.now() + ms;
  const canvas = new OffscreenCanvas(320, 180).getContext('2d', { willReadFrequently: true });
  let last = '';
  return new Promise((done) => requestAnimationFrame(function look() {
    canvas.drawImage(video.hidden ? document.getElementById('picture') : video, 0, 0, 320, 180);
    const { data } = canvas.getImageData(0, 0, 320, 180);
    let n = 0, x = 0, y = 0;
    for (let i = 0; i < 320 * 180; i++) {
      if (data[4 * i] > 150 && data[4 * i + 1] < 110 && data[4 * i + 2] < 110) {
        n++;
        x += i % 320;
        y += Math.floor(i / 320);
      }
    }
    const now = performance.timeOrigin + performance.now(), at = `${x / n} ${y / n}`;
    if (n > 20 && at !== last)
      seen.push([now / 1000, (x / n + 0.5) / 320, (y / n + 0.5) / 180]);
    last = at;
    if (performance.now() < end)
      requestAnimationFrame(look);
    else
      done(seen);
  }));
}

// A server in the page that sends video over WebRTC, as long as those in window.far are open.
function fake_webrtc() {
  const real = window.fetch.bind(window);
  const reply = (object) => new Response(JSON.stringify(object));
  window.fetch = async (path, options) => {
    if (path === '/streams')
      return reply({ ...await (await real(path)).json(), webrtc: true });
    if (!path.endsWith('/webrtc'))
      return real(path, options);
    const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 });
    const context = canvas.getContext('2d');
    setInterval(() => {
      context.fillStyle = `hsl(${performance.now() / 20} 80% 50%)`;
      context.fillRect(0, 0, 320, 180);
    }, 40);
    const stream = canvas.captureStream(25), pc = new RTCPeerConnection();
    (window.far ??= []).push(pc);
    await pc.setRemoteDescription({ type: 'offer', sdp: JSON.parse(options.body).sdp });
    pc.addTrack(stream.getTracks()[0], stream);
    await pc.setLocalDescription();
    while (pc.iceGatheringState !== 'complete')
      await new Promise((done) => setTimeout(done, 50));
    return reply({ sdp: pc.localDescription.sdp });
  };
}
