# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who watches a stream's video over WebRTC, as a browser does: GStreamer's
webrtcbin, and a decoder."""
import ctypes

import gi

gi.require_version('Gst', '1.0')
gi.require_version('GstSdp', '1.0')
gi.require_version('GstWebRTC', '1.0')
from gi.repository import Gst, GstSdp, GstWebRTC  # noqa: E402

from live import check, wait_for  # noqa: E402

Gst.init(None)
G_OBJECT = ctypes.CDLL('libgobject-2.0.so.0')
OFFERED = ('application/x-rtp,media=video,encoding-name=H264,clock-rate=90000,'
           'payload={},packetization-mode=(string)1,'
           'profile-level-id=(string)42e01f')
DECODER = ('rtph264depay ! h264parse ! avdec_h264 ! videoconvert ! '
           'video/x-raw,format=RGB ! appsink name=out sync=false max-buffers=2 '
           'drop=true emit-signals=true')


class Watcher:
    """One browser; `frames` counts pictures, `picture` is (width, height, bytes)
    of the newest."""

    def __init__(self, address='127.0.0.1', payload=102):
        self.frames = 0
        self.picture = None
        self.pipeline = Gst.Pipeline()
        self.peer = Gst.ElementFactory.make('webrtcbin')
        self.peer.set_property('bundle-policy', 'max-bundle')
        self.pipeline.add(self.peer)
        self.peer.connect('pad-added', self.on_pad)
        # libnice ties sockets to interfaces: from others none leads to this one.
        ice = self.peer.get_property('ice-agent')
        # It is floating, so that Python takes the reference that is webrtcbin's.
        G_OBJECT.g_object_ref(ctypes.c_void_p(hash(ice)))
        ice.emit('add-local-ip-address', address)
        self.pipeline.set_state(Gst.State.PLAYING)
        self.peer.emit('add-transceiver',
                       GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY,
                       Gst.Caps.from_string(OFFERED.format(payload)))

    def on_pad(self, _, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        decoder = Gst.parse_bin_from_description(DECODER, True)
        decoder.get_by_name('out').connect('new-sample', self.on_sample)
        self.pipeline.add(decoder)
        decoder.sync_state_with_parent()
        pad.link(decoder.get_static_pad('sink'))

    def on_sample(self, sink):
        sample = sink.emit('pull-sample')
        s = sample.get_caps().get_structure(0)
        buffer = sample.get_buffer()
        self.frames += 1
        self.picture = (s.get_value('width'), s.get_value('height'),
                        buffer.extract_dup(0, buffer.get_size()))
        return Gst.FlowReturn.OK

    def ask(self, name, *args):
        promise = Gst.Promise.new()
        self.peer.emit(name, *args, promise)
        check(promise.wait() == Gst.PromiseResult.REPLIED, name)
        return promise.get_reply()

    def offer(self):
        """With all addresses in it."""
        reply = self.ask('create-offer', None)  # owns what is in it
        made = reply.get_value('offer')
        self.ask('set-local-description', made)
        wait_for(lambda: self.peer.get_property('ice-gathering-state')
                 == GstWebRTC.WebRTCICEGatheringState.COMPLETE, 'addresses')
        return self.peer.get_property('local-description').sdp.as_text()

    def take(self, sdp):
        _, message = GstSdp.SDPMessage.new_from_text(sdp)
        self.ask('set-remote-description',
                 GstWebRTC.WebRTCSessionDescription.new(
                     GstWebRTC.WebRTCSDPType.ANSWER, message))

    def watch(self, live, stream=0):
        """The server's answer, which has been taken."""
        sdp = live.post(f'/streams/{stream}/webrtc',
                        {'sdp': self.offer()})['sdp']
        self.take(sdp)
        return sdp

    def state(self):
        return self.peer.get_property('connection-state').value_nick

    def close(self):
        self.pipeline.set_state(Gst.State.NULL)
