import type { Config } from '../config.ts';
import { KubernetesCluster } from './kubernetes.ts';
import { ParentCluster } from './parent.ts';

type ClusterSettings = Pick<
  Config,
  | 'LONGHAND_CLUSTER'
  | 'LONGHAND_KUBECONFIG'
  | 'LONGHAND_KUBERNETES_NAMESPACE'
  | 'LONGHAND_KUBERNETES_DEPLOYMENT'
  | 'LONGHAND_PLATFORM_DEADLINE_MS'
>;

/** A burst worker that got no session in so many seconds is not needed any more. */
const BURST_LIFE_S = 120;

/** The platform that runs the workers, as the settings name it; null: they are somebody else's business. */
export function openCluster<Pool, Wish>(config: ClusterSettings): KubernetesCluster | ParentCluster<Pool, Wish> | null {
  switch (config.LONGHAND_CLUSTER) {
    case 'kubernetes':
      return new KubernetesCluster({
        kubeconfig: config.LONGHAND_KUBECONFIG,
        namespace: config.LONGHAND_KUBERNETES_NAMESPACE,
        deploymentOf: (model) => config.LONGHAND_KUBERNETES_DEPLOYMENT.replaceAll('{model}', model),
        deadlineMs: config.LONGHAND_PLATFORM_DEADLINE_MS,
        burstLifeS: BURST_LIFE_S,
      });
    case 'parent':
      return new ParentCluster<Pool, Wish>(config.LONGHAND_PLATFORM_DEADLINE_MS);
    case 'auto':
    case 'none':
      return null;
    default:
      return config.LONGHAND_CLUSTER satisfies never;
  }
}
