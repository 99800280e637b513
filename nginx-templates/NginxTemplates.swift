/// The templates of this folder, as they were when the program was built.
package enum NginxTemplates {
  /// File name and bytes of each template.
  package static let files: [String: [UInt8]] = [
    "audience.conf": PackageResources.audience_conf,
    "bodies.conf": PackageResources.bodies_conf,
    "common.conf": PackageResources.common_conf,
    "elsewhere.conf": PackageResources.elsewhere_conf,
    "http.conf": PackageResources.http_conf,
    "location.conf": PackageResources.location_conf,
    "locations.conf": PackageResources.locations_conf,
    "page.conf": PackageResources.page_conf,
    "server.conf": PackageResources.server_conf,
    "shadow.conf": PackageResources.shadow_conf,
    "stream.conf": PackageResources.stream_conf,
    "upstream.conf": PackageResources.upstream_conf,
  ]
}
