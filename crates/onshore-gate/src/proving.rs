//! What proves an asset: the complete certificate of a job that brought it. What speaks against a certificate being that of an asset is
//! found here (docs/decisions/0074).

use onshore_db::View;
use onshore_orders::asset::AssetKind;
use onshore_orders::{Asset, Doubt, Language, Record, RecordKind, Said};
use onshore_registry::Registry;
use onshore_types::{JobId, TenantId};

use crate::Error;

/// By which job an asset is to be proven.
#[derive(Debug)]
pub struct Proving {
    /// The job.
    pub job: JobId,
    /// What that brought, by the names it has: of a bucket its own, and all of them as a whole.
    pub brought: Vec<String>,
    /// In which cloud its source is, where that is known, in the word of Terraform's provider for it.
    pub cloud: Option<&'static str>,
    /// To which tenant it was brought.
    pub tenant: TenantId,
    /// Whether it was to bring what is current alone.
    pub current_alone: bool,
    /// How many objects its certificate covers.
    pub objects: u64,
    /// Whether a named person says that this is the asset whatever it is called.
    pub sets_aside: bool,
}

/// Finds what speaks against the certificate of a job being that of an asset, and says it.
pub(crate) fn doubts(
    registry: &Registry,
    view: &View<'_>,
    asset: &Asset,
    proving: &Proving,
) -> Result<Vec<(Doubt, Said)>, Error> {
    let job = proving.job;
    let mut all = Vec::new();
    let mut doubt = |what, said: &dyn Fn(Language) -> String| all.push((what, Said::of(said)));
    if !proving.brought.contains(&asset.name) {
        let (brought, name) = (proving.brought.first(), &asset.name);
        let brought = brought.map_or("", String::as_str);
        doubt(Doubt::OtherName, &|language| match language {
            Language::En => format!("{job} brought `{brought}`, and the asset is called `{name}`"),
            Language::Zh => format!("{job} 迁入的是“{brought}”，而该资产名为“{name}”"),
        });
    }
    if proving.objects == 0 {
        doubt(Doubt::NothingListed, &|language| match language {
            Language::En => format!("the source of {job} listed nothing"),
            Language::Zh => format!("{job} 的来源未列出任何对象"),
        });
    }
    let proven = registry.proven_by(view, job)?;
    if let Some(other) = proven.iter().find(|other| **other != asset.id) {
        doubt(Doubt::OtherAsset, &|language| match language {
            Language::En => format!("{job} proves the asset `{other}` already"),
            Language::Zh => format!("{job} 已证实资产“{other}”"),
        });
    }
    if matches!(
        asset.kind,
        AssetKind::Database | AssetKind::Server | AssetKind::Device
    ) {
        let kind = asset.kind.word();
        doubt(Doubt::OtherKind, &|language| match language {
            Language::En => format!("{job} brought objects, and the asset is a {kind}"),
            Language::Zh => format!("{job} 迁入的是对象，而该资产的类型是 {kind}"),
        });
    }
    if proving.current_alone {
        doubt(Doubt::CurrentAlone, &|language| match language {
            Language::En => format!(
                "{job} was to bring what is current alone (--versions current), and earlier versions may be left"
            ),
            Language::Zh => {
                format!("{job} 按要求仅迁入当前版本（--versions current），来源处可能留有历史版本")
            }
        });
    }
    let contract = registry.record(view, RecordKind::Contract, &asset.contract)?;
    let Record::Contract(contract) = contract.record else {
        return Ok(all);
    };
    let organisation = registry.record(view, RecordKind::Organisation, &contract.organisation)?;
    if let Record::Organisation(organisation) = organisation.record
        && !organisation.tenants.is_empty()
        && let Some(tenant) = registry.tenant_in(view, proving.tenant)?
        && !organisation.tenants.contains(&tenant.name)
    {
        let (name, id) = (&tenant.name, &organisation.id);
        doubt(Doubt::OtherTenant, &|language| match language {
            Language::En => format!(
                "{job} brought it to the tenant `{name}`, which `{id}` does not name as its own (`tenants`)"
            ),
            Language::Zh => {
                format!("{job} 迁入的租户是“{name}”，不在“{id}”登记的租户（`tenants`）之中")
            }
        });
    }
    if let Some(from) = proving.cloud {
        let provider = registry.record(view, RecordKind::Provider, &contract.provider)?;
        if let Record::Provider(provider) = provider.record
            && let Some(cloud) = provider.cloud()
            && cloud != from
        {
            doubt(Doubt::OtherCloud, &|language| match language {
                Language::En => format!(
                    "{job} brought it from {from}, and the contract is with `{}`, which is {cloud}",
                    provider.id
                ),
                Language::Zh => format!(
                    "{job} 自 {from} 迁入，而合同的服务商是“{}”（{cloud}）",
                    provider.id
                ),
            });
        }
    }
    Ok(all)
}

/// Says all that speaks against a certificate, and what can be done.
pub(crate) fn said(doubts: &[(Doubt, Said)]) -> Said {
    Said::of(|language| {
        let all: Vec<&str> = doubts
            .iter()
            .map(|(_, said)| said.in_language(language))
            .collect();
        match language {
            Language::En => format!(
                "{}: name the job that brought all of it, or say with --set-aside, and a token that names a person, that it is the same",
                all.join("; ")
            ),
            Language::Zh => format!(
                "{}：请指明迁入其全部内容的任务，或由具名人员的令牌以 --set-aside 声明二者相同",
                all.join("；")
            ),
        }
    })
}
