// SPDX-License-Identifier: LGPL-2.1-or-later
'use strict';

const events = new EventSource('/events');
for (const kind of ['partial', 'answer']) {
  events.addEventListener(kind, (event) => {
    const told = JSON.parse(event.data);
    if (told.stream === 0) {
      document.getElementById('caption').textContent = told.text;
    }
  });
}
