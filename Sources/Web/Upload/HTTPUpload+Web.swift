import XMPPModules
import XMPPServer

/// What of uploads comes over HTTP.
extension HTTPUpload: WebModule {
    package func register(on site: inout WebSite.Builder) {
        UploadRoutes(files, origins: settings.origins).register(on: site.router)
        if let address = settings.address { site.addName(address.host) }
    }

    package func opened(_ site: WebSite) { files.opened(at: site.address) }
}
