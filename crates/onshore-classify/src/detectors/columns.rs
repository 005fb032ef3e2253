//! What only a whole column tells: one value that looks like a name is none, a column of them is.

use crate::detector::{ColumnDetector, Subject};

pub(crate) const COLUMNS: &[ColumnDetector] = &[
    ColumnDetector {
        id: "cn.name",
        title: "names of persons",
        subject: Subject::Person,
        header: &[
            "姓名",
            "名字",
            "name",
            "客户",
            "联系人",
            "收件人",
            "收货人",
            "户主",
            "法人",
            "学生",
            "患者",
            "员工",
        ],
        holds: is_name,
        vectors: &["张伟", "欧阳娜娜", "王小明", "李雷", "司马光"],
        not: &[
            "张",
            "红色的",
            "订单编号",
            "Zhang Wei",
            "王小明先生",
            "12",
            "",
            "仓库一号",
        ],
    },
    ColumnDetector {
        id: "cn.address",
        title: "addresses",
        subject: Subject::Person,
        header: &["地址", "住址", "address", "住所", "籍贯"],
        holds: is_address,
        vectors: &[
            "北京市朝阳区建国路88号",
            "广东省深圳市南山区科技园2栋301室",
            "浙江省杭州市西湖区文三路",
            "上海市浦东新区世纪大道100号",
        ],
        not: &[
            "北京",
            "路由器",
            "建国路",
            "市场部",
            "号码",
            "省钱",
            "http://example.cn/路",
        ],
    },
];

/// The most common family names, of which over nine in ten persons have one.
const SURNAMES: &str = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶蒋杜苏魏程吕丁沈任姚卢傅钟\
    姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵万钱严覃武戚莫孔向汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷\
    詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦\
    麦褚娄窦戎岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝官封谈匡鞠惠荆乐冀郁胥南班储原栗燕楚\
    鄢劳谌奚皮粟冼蔺楼盘满闻位厉伊仝区郜海阚花权强帅屠豆朴盖练廉禹井祖漆巴丰支卿国狄平计索宣晋相初门云容敬来扈晁芮都普阙浦戈伏鹿薄邸雍辜羊阿乌母裘亓修邰赫杭况那\
    宿鲜印逯隆茹诺战慕危玉银亢嵇公哈湛宾戎勾茅利於呼居揭干但尉冶斯元束檀衣信展阴昝智幸奉植衡富尧闭由";
const DOUBLE_SURNAMES: &[&str] = &[
    "欧阳", "上官", "司马", "诸葛", "夏侯", "皇甫", "尉迟", "公孙", "慕容", "令狐", "司徒", "东方",
    "长孙", "宇文", "端木", "申屠", "南宫", "独孤",
];

fn is_han(letter: char) -> bool {
    matches!(letter, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}')
}

/// A family name of one character and a given name of one or two, or of two and one or two.
fn is_name(value: &str) -> bool {
    // What names are not made of.
    const NEVER: &str = "的了是在和与或及不单号码编类型部门市省县区路街室元个件箱瓶色";
    let letters = value.chars().count();
    let is_plain = value
        .chars()
        .all(|letter| is_han(letter) && !NEVER.contains(letter));
    let has_double = DOUBLE_SURNAMES.iter().any(|name| value.starts_with(name));
    let has_single = value
        .chars()
        .next()
        .is_some_and(|first| SURNAMES.contains(first));
    is_plain
        && ((has_single && (2..=3).contains(&letters))
            || (has_double && (3..=4).contains(&letters)))
}

/// A division of the country, and behind it something smaller or a street.
fn is_address(value: &str) -> bool {
    let after = |text: &'_ str, marks: &[&str]| {
        marks
            .iter()
            .filter_map(|mark| {
                text.find(mark)
                    .filter(|at| *at >= 3)
                    .map(|at| at + mark.len())
            })
            .min()
    };
    let first = ["省", "市", "自治区", "县", "自治州", "特别行政区"];
    let next = [
        "市", "区", "县", "镇", "乡", "路", "街", "大道", "村", "号", "弄", "巷",
    ];
    value.chars().next().is_some_and(is_han)
        && after(value, &first).is_some_and(|at| {
            value
                .get(at..)
                .is_some_and(|rest| after(rest, &next).is_some())
        })
}

#[cfg(test)]
mod tests {
    use super::COLUMNS;

    #[test]
    fn every_column_knows_its_own() {
        for column in COLUMNS {
            for value in column.vectors {
                assert!((column.holds)(value), "{} {value}", column.id);
            }
            for value in column.not {
                assert!(!(column.holds)(value), "{} {value}", column.id);
            }
        }
    }
}
