public import Hummingbird
public import Logging
import NIOCore
public import XMPPServer

/// The context of a request.
public struct WebContext: RequestContext {
    /// Its source.
    public struct Source: RequestContextSource {
        public let logger: Logger
        let site: WebSite
        let client: IPAddress?
    }

    public var coreContext: CoreRequestContextStorage
    /// The addressed site.
    public let site: WebSite
    /// The client's address, if known.
    public let client: IPAddress?

    public init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
        site = source.site
        client = source.client
    }

    /// The addressed host.
    public var host: Host { site.host }
    /// The maximum bytes of a form or a JSON document.
    public var maxUploadSize: Int { 64 * 1024 }
}
