/// PromQL queries, by name, for the metrics of common Nginx exporters.
///
/// `vts` is nginx-module-vts (its own Prometheus format), `plus` is NGINX's exporter for NGINX
/// Plus, `ingress` is ingress-nginx, and `nginxlog` is prometheus-nginxlog-exporter with a label
/// `pool`.
package enum ReadyQuery {
  package static let all: [String: String] = [
    "vts_error_rate":
      "sum(rate(nginx_vts_upstream_requests_total{backend=~\"{{servers}}\",code=\"5xx\"}[{{window}}])) / sum(rate(nginx_vts_upstream_requests_total{backend=~\"{{servers}}\",code=~\"[1-5]xx\"}[{{window}}]))",
    "vts_latency_p99":
      "histogram_quantile(0.99, sum by (le) (rate(nginx_vts_upstream_response_duration_seconds_bucket{backend=~\"{{servers}}\"}[{{window}}])))",
    "vts_request_rate":
      "sum(rate(nginx_vts_upstream_requests_total{backend=~\"{{servers}}\",code=~\"[1-5]xx\"}[{{window}}]))",
    "plus_error_rate":
      "sum(rate(nginxplus_upstream_server_responses{server=~\"{{servers}}\",code=\"5xx\"}[{{window}}])) / sum(rate(nginxplus_upstream_server_responses{server=~\"{{servers}}\"}[{{window}}]))",
    "ingress_error_rate":
      "sum(rate(nginx_ingress_controller_requests{service=\"{{pool}}\",status=~\"5..\"}[{{window}}])) / sum(rate(nginx_ingress_controller_requests{service=\"{{pool}}\"}[{{window}}]))",
    "ingress_latency_p99":
      "histogram_quantile(0.99, sum by (le) (rate(nginx_ingress_controller_request_duration_seconds_bucket{service=\"{{pool}}\"}[{{window}}])))",
    "nginxlog_error_rate":
      "sum(rate(nginx_http_response_count_total{pool=\"{{pool}}\",status=~\"5..\"}[{{window}}])) / sum(rate(nginx_http_response_count_total{pool=\"{{pool}}\"}[{{window}}]))",
    "nginxlog_latency_p99":
      "histogram_quantile(0.99, sum by (le) (rate(nginx_http_upstream_time_seconds_hist_bucket{pool=\"{{pool}}\"}[{{window}}])))",
  ]
}
