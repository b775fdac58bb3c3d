// What a dashboard of ours is made of, in Grafana's own types. `make grafana-schema` turns each exported
// type into a JSON schema beside this file.
import type { AnnotationQuery, Dashboard as AnyDashboard, DataSourceRef } from '@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import type * as common from '@grafana/schema/dist/types/common/common.gen';
import type * as stat from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type * as table from '@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import type * as timeline from '@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen';
import type * as timeseries from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

// Grafana's types end where a data source begins: these two are what its Prometheus data source reads.
export interface PrometheusTarget {
  refId: string;
  datasource: DataSourceRef;
  expr: string;
  legendFormat?: string;
  format?: 'time_series' | 'table' | 'heatmap';
  instant?: boolean;
  range?: boolean;
  exemplar?: boolean;
  interval?: string;
}
export interface PrometheusAnnotation extends AnnotationQuery {
  expr?: string;
  step?: string;
  titleFormat?: string;
  textFormat?: string;
  tagKeys?: string;
}
export interface Dashboard extends Omit<AnyDashboard, 'annotations'> {
  annotations: { list: PrometheusAnnotation[] };
}
export type StatOptions = stat.Options;
export type TableOptions = table.Options;
export type TableCustom = common.TableFieldOptions;
export type StateTimelineOptions = timeline.Options;
export type StateTimelineCustom = timeline.FieldConfig;
export type TimeseriesOptions = timeseries.Options;
export type TimeseriesCustom = timeseries.FieldConfig;
