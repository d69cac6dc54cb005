// A module needs one import: what it is written with comes along.
@_exported public import XML
@_exported public import XMPP
@_exported public import XMPPStream
