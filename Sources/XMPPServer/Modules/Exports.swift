// One import gives a module everything it needs.
@_exported public import XML
@_exported public import XMPP
@_exported public import XMPPStream
